"""Check the facts of a folder before they enter the store: a folder may have been anywhere."""

from collections.abc import Mapping, Sequence
from typing import Final

from rlaif.core.errors import TERMINAL, TRANSIENT, InputError
from rlaif.core.types import answer_key, key
from rlaif.judging.judge import Judge
from rlaif.pipeline.plan import Plan
from rlaif.pipeline.work.folder import Row, Task
from rlaif.pipeline.work.frozen import maker_of

_KINDS: Final = TRANSIENT | TERMINAL
# The columns of units that facts must agree with.
_COLUMNS: Final = {
    "sample": ("unit", "prompt", "samples"),
    "score": ("unit", "prompt", "answer"),
    "compare": ("unit", "prompt", "first", "second", "criterion"),
}
# The columns of each table that a worker writes.
_TABLES: Final = {
    "rendered_prompts": "prompt generator messages",
    "responses": "key prompt generator sample attempt answer text reasoning finish prompt_tokens output_tokens logprob "
    "failure detail created",
    "verdicts": "key answer judge repeat attempt raw reasoning failure detail calls prompt_tokens output_tokens created",
    "scores": "verdict answer judge criterion repeat attempt value expected spread rationale failure",
    "findings": "verdict answer judge criterion position text outcome earned rationale",
    "comparisons": "prompt first second judge criterion preferred verdict repeat attempt probability rationale failure",
    "notes": "prompt judge criterion texts raw failure detail calls prompt_tokens output_tokens created",
    "served_models": "judge model",
    "server_observations": "run server model remark value times created",
    "auxiliary_calls": "run stage model calls prompt_tokens guessed created",
}
COLUMNS: Final = {table: frozenset(names.split()) for table, names in _TABLES.items()}


class FactCheck:
    """Checks the facts of one task."""

    def __init__(self, plan: Plan, task: Task) -> None:
        maker = maker_of(plan, task)
        self._task = task
        self._ranges = {each.key: each.range for each in maker.rubric.criteria} if isinstance(maker, Judge) else {}
        self.columns = _COLUMNS[task.kind]

    def check(self, facts: Mapping[str, list[Row]], unit: str | None, units: Mapping[str, Row], where: str) -> None:
        """Check the facts of a unit, or notes without one. Raises InputError if they are not facts of this task."""
        wrong = _wrong_form(facts, COLUMNS) or self._wrong(facts, unit, units)
        if wrong:
            raise InputError(
                f"not a result of this work: {wrong}", where=where, fix="Remove the file and do its units again."
            )

    def _wrong(self, facts: Mapping[str, list[Row]], unit: str | None, units: Mapping[str, Row]) -> str:
        rows = [row for each in facts.values() for row in each]
        maker = "generator" if self._task.kind == "sample" else "judge"
        if any(row[maker] != self._task.key for row in rows):
            return f"facts of another {maker}"
        if any(row.get("failure") not in _KINDS | {None} for row in rows):
            return "an unknown failure kind"
        if unit is None:
            return "" if set(facts) <= {"notes"} else "facts without a unit"
        if unit not in units:
            return f"the unit {unit!r} is not in the shard"
        return self._wrong_unit(facts, units[unit]) or self._wrong_values(facts)

    def _wrong_unit(self, facts: Mapping[str, list[Row]], unit: Row) -> str:
        """Return why the facts are not about this unit."""
        if any(row["prompt"] != unit["prompt"] for row in facts.get("responses", [])):
            return "a response to another prompt"
        for row in facts.get("responses", []):
            named = key("response", row["prompt"], row["generator"], row["sample"])
            text = row.get("text")
            if row["sample"] not in unit["samples"] or row["key"] != named:
                return "another sample"
            if text is not None and row["answer"] != answer_key(row["prompt"], text):
                return "a text with the key of another text"
        if self._task.kind == "score" and any(row["answer"] != unit["answer"] for row in facts["verdicts"]):
            return "a verdict on another response"
        sides = ("prompt", "first", "second", "criterion")
        if any(row[name] != unit[name] for row in facts.get("comparisons", []) for name in sides):
            return "a comparison of other responses"
        return ""

    def _wrong_values(self, facts: Mapping[str, list[Row]]) -> str:
        keys = {row["key"] for row in facts.get("verdicts", [])}
        dependent = [*facts.get("scores", []), *facts.get("findings", []), *facts.get("comparisons", [])]
        if any(row["verdict"] not in keys or row["criterion"] not in self._ranges for row in dependent):
            return "a score without its verdict or criterion"
        for row in facts.get("scores", []):
            low, high = self._ranges[row["criterion"]]
            given = [row[name] for name in ("value", "expected") if row.get(name) is not None]
            if any(not low <= number <= high for number in given) or (row["value"] is None) == (row["failure"] is None):
                return "a score out of range"
        return ""


def check_tables(results: Sequence[Mapping[str, list[Row]]], tables: Sequence[str], where: str) -> None:
    """Check the form of facts that belong to no task. Raises InputError."""
    for facts in results:
        if wrong := _wrong_form(facts, {table: COLUMNS[table] for table in tables}):
            raise InputError(f"not a result of this work: {wrong}", where=where, fix="Remove the file.")


def _wrong_form(facts: Mapping[str, list[Row]], columns: Mapping[str, frozenset[str]]) -> str:
    """Return why facts do not have the form of these tables; empty if they do."""
    for table, rows in facts.items():
        if table not in columns:
            return f"it cannot have rows of {table[:40]!r}"
        for row in rows:
            if not row.keys() <= columns[table]:
                return f"{table} has no column {min(row.keys() - columns[table])[:40]!r}"
    return ""

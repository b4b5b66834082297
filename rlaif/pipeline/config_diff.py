"""Describe what differs from the last run of a store: changed settings, and the work that they make pending again.

The user has nothing to decide: keys cover all inputs, so earlier results are never mixed with new ones and never lost.
"""

import json
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, Final

from rlaif.core.errors import InputError
from rlaif.pipeline.plan import Plan
from rlaif.store.store import Row, Store

# Generators with responses in this store, judges with verdicts, and all criteria; without imported generators and
# judges.
_USED: Final = """
    SELECT 'generator' AS what, key, name FROM generators SEMI JOIN responses ON generator = generators.key
    WHERE spec <> '{"kind": "imported"}'
    UNION SELECT 'judge', key, name FROM judges SEMI JOIN verdicts ON judge = judges.key WHERE spec <> '{"kind": "imported"}'
    UNION SELECT 'criterion', key, name FROM criteria
"""
# Characters of a value that are shown.
SHOWN: Final = 60


def changes(plan: Plan, store: Store) -> list[str]:
    """Return the lines to show before this run is recorded; none for a first or an unchanged run."""
    last = store.query("SELECT config FROM runs ORDER BY rowid DESC LIMIT 1")
    if not last:
        return []
    now = plan.config.pipeline.model_dump_json()
    before, after = (_with_pair_judge(json.loads(each)) for each in (last[0]["config"], now))
    try:
        pending = list(_pending_again(plan, store.query(_USED)))
    except InputError:
        # The stage that needs the missing file reports it.
        pending = []
    # Rubrics and templates are separate files, so a change in one shows up only as pending work.
    return _under("Changed since the last run:", [*differences(before, after)]) + _under("Pending again:", pending)


def _with_pair_judge(pipeline: dict[str, Any]) -> dict[str, Any]:
    """Fill in the judge that makes the pairs if the settings name none: the first judge."""
    judges = pipeline["judge"]["by"] or list(pipeline["judges"])
    if pipeline["pair"] and not pipeline["pair"]["judge"] and judges:
        first = judges if pipeline["judge"]["cascade"] else judges[0]
        return pipeline | {"pair": pipeline["pair"] | {"judge": first}}
    return pipeline


def _under(head: str, lines: Sequence[str]) -> list[str]:
    return [head, *(f"  {line}" for line in lines)] if lines else []


def differences(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """Yield one line for each setting that differs, by its path. New, empty settings are skipped."""
    if isinstance(before, dict) and isinstance(after, dict):
        names = dict.fromkeys(chain(before, after))
        for name in names:
            yield from differences(before.get(name), after.get(name), f"{path}.{name}" if path else name)
    elif _sections(before) and _sections(after) and len(before) == len(after):
        for place, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from differences(old, new, f"{path}.{place}")
    elif before != after and (before or after):
        yield f"{path}: {_shown(before)} → {_shown(after)}"


def _sections(value: Any) -> bool:
    """Return whether the value is a list of sections."""
    return isinstance(value, list) and all(isinstance(each, dict) for each in value)


def _shown(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _pending_again(plan: Plan, worked: Sequence[Row]) -> Iterator[str]:
    """Yield the work of generators, judges and criteria that ran here before in another version."""
    known, names = {row["key"] for row in worked}, {(row["what"], row["name"]) for row in worked}
    generated = any(what == "generator" for what, _ in names)
    for generator in plan.generators if generated else ():
        if generator.key not in known:
            yield f"all responses by {generator.name}"
    for name in plan.judge_stage:
        judge = plan.judge(name)
        new = [criterion.name for criterion in judge.rubric.criteria if criterion.key not in known]
        if judge.key not in known and ("judge", name) in names:
            yield f"all scores by {name}"
        elif judge.key in known and new:
            yield f"scores by {name} on {', '.join(new)}"

"""Reads the report's data from the store, as plain data without rendering."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from rlaif.config import Pipeline
from rlaif.core.types import buckets
from rlaif.evaluation.comparison import Match
from rlaif.report.charts import Histogram, Lines, lines, range_histogram, scale_histogram
from rlaif.store.store import Row, Store, sql

# With these limits, twelve pairs of long texts and their rationales keep the page below 2 MB in any script.
MAX_TEXT, MAX_TURNS, MAX_RATIONALE, DRAWN = 4000, 4, 800, 6
# Findings that a response lacks: maximum number per judge and criterion, and characters of each.
LACKING, MAX_FINDING = 5, 300
# Curves of the trainers' metrics that show whether training works: title, metrics, and y range.
CURVES = (
    ("Loss", ("loss",), None),
    ("Loss on answers to imitate", ("imitation_loss",), None),
    ("Pairs that the model ranks right", ("rewards/accuracies", "accuracy"), (0.0, 1.0)),
    ("Reward margin, chosen minus rejected", ("rewards/margins", "margin"), None),
    ("Log-probability of the responses", ("logps/chosen", "logps/rejected"), None),
    ("Reward of sampled responses", ("reward",), None),
    ("Length of sampled responses, in tokens", ("completions/mean_length",), None),
    ("Divergence from the reference (KL)", ("kl",), None),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the funnel: `total` items of `name` entered, `kept` of them continued, and every part is counted."""

    number: int
    name: str
    which: str
    parts: Sequence[Row]

    @property
    def total(self) -> int:
        return sum(part["n"] for part in self.parts)

    @property
    def kept(self) -> int:
        return sum(part["n"] for part in self.parts if part["kept"])


@dataclass(frozen=True, slots=True)
class Opinion:
    """The scores of one judge on one criterion, over all responses."""

    row: Row
    chart: Histogram


@dataclass(frozen=True, slots=True)
class Pairs:
    """Statistics of the newest pairing's pairs."""

    row: Row
    margins: Histogram
    lengths: Histogram


@dataclass(frozen=True, slots=True)
class Curve:
    """One chart of the training log."""

    title: str
    chart: Lines


@dataclass(frozen=True, slots=True)
class Example:
    """One pair in full: its messages, its texts (in `row`), and both sides' scores by judge and criterion.

    A score's `findings` list what the response lacks. `totals` has each judge's total of both sides.
    """

    row: Row
    messages: Sequence[Mapping[str, Any]]
    marks: Sequence[tuple[Row | None, Row | None]]
    totals: Sequence[tuple[str, float | None, float | None]]


def read_who(pipeline: Pipeline) -> list[tuple[str, str]]:
    """Return pairs of a role and the model that has it."""
    who = []
    if pipeline.generate:
        for each in pipeline.generate.pool:
            named = f"{each.name}: " if each.name else ""
            who.append(("Responses by", named + _model(pipeline, str(each.model))))
    for name, judge in pipeline.judges.items():
        by = _model(pipeline, judge.model) if judge.model else "checks"
        who.append((f"Judge {name}", f"{by}, rubric {judge.rubric}"))
    base = pipeline.train and (pipeline.train.model or (pipeline.generate and pipeline.generate.model))
    if pipeline.train and base:
        who.append((f"Trained by {pipeline.train.method}", _model(pipeline, base)))
    return who


def _model(pipeline: Pipeline, name: str) -> str:
    model = pipeline.models[name]
    what = model.path if model.kind == "transformers" else model.model if model.kind in ("openai", "anthropic") else ""
    return f"{name} ({model.kind}{f', {what}' if what else ''})"


def read_funnel(store: Store, pipeline: Pipeline) -> list[Step]:
    """Return the steps from source rows to pairs. A step's parts add up to its total."""
    rows = store.query("report/sql/funnel", held_out=buckets(pipeline.collect.held_out))
    grouped = groupby(rows, key=lambda row: (row["step"], row["name"], row["which"]))
    return [Step(*step, list(parts)) for step, parts in grouped]


def read_opinions(store: Store) -> dict[str, list[Opinion]]:
    """Return the score histograms by judge. The judge whose scores make the pairs comes first."""
    opinions: dict[str, list[Opinion]] = {}
    for row in store.query("report/sql/scores"):
        chart = scale_histogram(row["bins"] or {}, float(row["low"]), float(row["high"]), row["steps"])
        opinions.setdefault(row["judge"], []).append(Opinion(row, chart))
    return opinions


def read_pairs(store: Store) -> Pairs | None:
    """Return margins and lengths of the newest pairing's pairs; None if there are no pairs."""
    row = store.query("report/sql/pairs")[0]
    if not row["pairs"]:
        return None
    margins = range_histogram(row["margins"] or {}, 0, 100, 20)
    return Pairs(row, margins, range_histogram(row["lengths"] or {}, -100, 100, 20))


def read_parts(store: Store, matches: Sequence[Match]) -> dict[str, list[Row]]:
    """Return the prompts by source and by each column of their metadata that has few values, with the pairs made of them.

    `wins` holds the trained model's win rate on a part for each of the `matches`; None for a part without evaluated prompts.
    """
    store.run(f"CREATE OR REPLACE TEMP VIEW report_parts AS {sql('evaluation/sql/parts')}")
    rates = [{(part.kind, part.part): part.win_rate for part in match.parts} for match in matches]
    parts: dict[str, list[Row]] = {}
    for row in store.query("report/sql/parts"):
        wins = [rate.get((row["kind"], row["part"])) for rate in rates]
        parts.setdefault(row["kind"], []).append(row | {"wins": wins})
    return parts


def read_training(store: Store) -> Row | None:
    """Return the training: `method`, `base`, number of `rows`, numbers of `refused` rows by kind, and `warnings`."""
    for row in store.query("SELECT method, base, created, spec FROM report_training"):
        spec = json.loads(row["spec"])
        return row | {"rows": spec.get("rows"), "refused": spec.get("refused", {}), "warnings": spec.get("warnings", [])}
    return None


def read_curves(store: Store) -> list[Curve]:
    """Return the charts for which the training logged values."""
    logged: dict[str, list[tuple[int, float]]] = {}
    for row in store.query("report/sql/curves"):
        logged.setdefault(row["metric"], []).append((row["step"], row["value"]))
    return [
        Curve(title, lines({name: logged[name] for name in names if name in logged}, within=within))
        for title, names, within in CURVES
        if any(name in logged for name in names)
    ]


def read_examples(store: Store) -> list[Example]:
    """Return a selection of pairs: by margin, largest first, then random ones."""
    rows = store.query("report/sql/examples", drawn=DRAWN, most=MAX_TEXT)
    answers = sorted({row[side] for row in rows for side in ("chosen_answer", "rejected_answer")})
    marks: dict[str, dict[tuple[str, str], Row]] = {answer: {} for answer in answers}
    for mark in store.query("report/sql/scores_shown", answers=answers, most=MAX_RATIONALE):
        marks[mark["answer"]][mark["judge"], mark["criterion"]] = mark | {"findings": []}
    for found in store.query("report/sql/findings", answers=answers, shown=LACKING, most=MAX_FINDING):
        marks[found["answer"]][found["judge"], found["criterion"]]["findings"].append(found)
    totals = {(row["answer"], row["judge"]): row["total"] for row in store.query("report/sql/totals", answers=answers)}
    return [_example(row, marks[row["chosen_answer"]], marks[row["rejected_answer"]], totals) for row in rows]


def _example(
    row: Row,
    chosen: Mapping[tuple[str, str], Row],
    rejected: Mapping[tuple[str, str], Row],
    totals: Mapping[tuple[str, str], float],
) -> Example:
    messages = [
        {"role": message["role"], "content": message["content"][:MAX_TEXT], "length": len(message["content"])}
        for message in json.loads(row["messages"])[-MAX_TURNS:]
    ]
    sides = row["chosen_answer"], row["rejected_answer"]
    judges = dict.fromkeys(judge for answer, judge in totals if answer in sides)
    return Example(
        row,
        messages,
        [(chosen.get(key), rejected.get(key)) for key in {**chosen, **rejected}],
        [(judge, *(totals.get((side, judge)) for side in sides)) for judge in judges],  # type: ignore[misc]
    )

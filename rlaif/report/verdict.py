"""The verdict at the top of the report: whether the labels can be used as they are, and what to do next."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from rlaif.config import Pipeline
from rlaif.core.text import FILTERS
from rlaif.report.data import Pairs, Step
from rlaif.store.store import Row

# A share of failed responses or judgements above this is worth a look.
FAILED: Final = 0.05
# The chosen response is longer in so many of the pairs that length may be what the judge rewards.
LONGER: Final = 0.6
# Repeated scores may vary by this share of the variation between responses.
STEADY: Final = 0.5
# The 97.5 % quantile of the normal distribution.
Z: Final = 1.96
_percent, _count, _number = FILTERS["percent"], FILTERS["count"], FILTERS["number"]


@dataclass(frozen=True, slots=True)
class Remark:
    """One line of the verdict. `section` is the part of the report that has the figures."""

    tone: Literal["good", "check", "open"]
    topic: str
    text: str
    section: str


def read_verdict(funnel: Sequence[Step], pairs: Pairs | None, repeats: Sequence[Row], audit: str | None) -> list[Remark]:
    """Return the remarks, in the order of the pipeline. Empty if nothing has been sampled or judged yet."""
    remarks = [*_failures(funnel, 3, "responses"), *_failures(funnel, 4, "judgements")]
    if pairs is None:
        return remarks
    return [*remarks, *([_steady(repeats, audit)] if pairs.row["judges"] else []), *_length(pairs)]


def next_step(pipeline: Pipeline, *, begun: bool, paired: bool, trained: bool, audited: bool) -> str:
    """Return the command that a user would run next. In it, FILE stands for the pipeline file."""
    if not paired:
        return "rlaif run FILE" if begun else "rlaif plan FILE"
    if pipeline.train and not trained:
        return "rlaif train FILE"
    return "rlaif export FILE data" if audited or not pipeline.judges else "rlaif audit FILE"


def _failures(funnel: Sequence[Step], number: int, things: str) -> Iterator[Remark]:
    # A judge of the evaluation, or a later one of a cascade, need not score all responses.
    parts = [part for step in funnel if step.number == number for part in step.parts if part["part"] != "not asked"]
    total, failed = sum(part["n"] for part in parts), sum(part["n"] for part in parts if not part["kept"])
    topic = f"Are the {things} complete?"
    if not total:
        return
    if not failed:
        yield Remark("good", topic, f"Yes, all {_count(total)}.", "happened")
        return
    part = max((part for part in parts if not part["kept"]), key=lambda part: int(part["n"]))
    most = f"most often: {FILTERS['words'](part['part'])}"
    text = f"{_count(failed)} of {_count(total)} {things} are missing or failed ({_percent(failed / total, 1)}; {most})."
    yield Remark("check" if failed > FAILED * total else "good", topic, text, "happened")


def _steady(repeats: Sequence[Row], audit: str | None) -> Remark:
    for row in repeats:
        within, between = row["within"], row["between"]
        if between:
            text = (
                f"Repeated scores of the same response vary by ±{_number(within)} of 100; "
                f"different responses vary by ±{_number(between)}."
            )
            return Remark("good" if within <= STEADY * between else "check", "Is the judge steady?", text, "trust")
    if audit:
        return Remark("good", "Is the judge steady?", "The audit has the figures.", "trust")
    return Remark("open", "Is the judge steady?", "Not measured: rlaif audit repeats some judgements.", "trust")


def _length(pairs: Pairs) -> Iterator[Remark]:
    row = pairs.row
    differing = row["longer"] + row["shorter"]
    if not differing:
        return
    share = row["longer"] / differing
    low, high = wilson(row["longer"], differing)
    text = f"The chosen response is longer in {_percent(share)} of pairs of different length"
    text += f" (95 % interval {_number(100 * low, 0)} to {_percent(high)})."
    if low > LONGER:
        text += " If length is not a quality here, compare the strategies length_penalised and matched_length."
    yield Remark("check" if low > LONGER else "good", "Is length rewarded?", text, "trust")


def wilson(hits: int, total: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927)."""
    share, square = hits / total, Z * Z / total
    middle = (share + square / 2) / (1 + square)
    half = Z / (1 + square) * (share * (1 - share) / total + square / total / 4) ** 0.5
    return middle - half, middle + half

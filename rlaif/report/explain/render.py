"""Prints a history. All its texts are untrusted, so hidden and control characters are made visible."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rlaif.core.text import visible
from rlaif.report.explain.types import FullVerdict, Mark, Outcome, PromptHistory, Sampled, Vote

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

# Characters to print of a document or verdict; `--json` has the full text.
EXCERPT = 1500


def render(story: PromptHistory, console: "Console") -> None:
    """Print the history: prompt, responses with verdicts, comparisons, and the outcome in each pairing."""
    for part in _parts(story):
        console.print(part)


def _parts(story: PromptHistory) -> Iterator["RenderableType"]:
    yield _rule(f"prompt {story.prompt}")
    yield _dim(f"from {story.source}" + ("" if story.in_play else "; not in use, because its source no longer contains it"))
    for message in story.messages:
        yield from _text(message["role"], message["content"])
    for name, text in (("document", story.document), ("reference", story.reference)):
        if text is not None:
            yield from _text(name, text)
    if story.checklist:
        yield from _text("checklist", "\n".join(story.checklist))
    for note in story.notes:
        failed = f"{note.failure}: {note.detail or 'no detail'}"
        yield from _text(
            f"note by judge {note.judge} for {note.criterion}", "\n".join(note.texts) if note.failure is None else failed
        )
    for response in story.responses:
        yield from _response(response)
    if not story.responses:
        yield _rule("no responses")
    if story.comparisons:
        yield _rule("comparisons")
        yield _table(
            ("judge", "criterion", "first", "second", "preferred", "rationale"),
            [
                (vote.judge, vote.criterion, vote.first, vote.second, _preferred(vote), vote.rationale or vote.detail or "")
                for vote in story.comparisons
            ],
        )
    for left in story.passed_on:
        margin = "no score margin" if left.lead is None else f"a score margin of {left.lead:.2f}"
        yield _dim(f"judge {left.before} found {margin}; the cascade passed the prompt to judge {left.judge}")
    for outcome in story.outcomes:
        yield from _outcome(outcome)


def _response(response: Sampled) -> Iterator["RenderableType"]:
    yield _rule(f"response {response.name}")
    facts = [
        f"finish {response.finish}" if response.finish else "",
        f"{response.output_tokens:,} tokens" if response.output_tokens is not None else "",
        f"log-probability {response.logprob:.2f}" if response.logprob is not None else "",
        f"attempt {response.attempt + 1}" if response.attempt else "",
    ]
    yield _dim(", ".join(filter(None, [response.key, *facts])))
    if response.failure is not None:
        yield from _text("failed", f"{response.failure}: {response.detail or 'no detail'}")
    if response.reasoning:
        yield from _text("reasoning", response.reasoning)
    yield from _text("", response.text)
    for verdict in response.verdicts:
        yield from _verdict(verdict)


def _verdict(verdict: FullVerdict) -> Iterator["RenderableType"]:
    number = f", repeat {verdict.repeat + 1}" if verdict.repeat else ""
    if verdict.reasoning:
        yield from _text(f"reasoning of judge {verdict.judge}{number}", verdict.reasoning)
    yield from _text(f"judge {verdict.judge}{number}", verdict.raw or "(empty reply)")
    if verdict.failure is not None:
        yield from _text("failed", f"{verdict.failure}: {verdict.detail or 'no detail'}")
    if verdict.marks:
        yield _table(
            ("criterion", "value", "expected", "range", "rationale"),
            [(mark.criterion, *_values(mark), mark.rationale or "") for mark in verdict.marks],
        )
    if verdict.findings:
        yield _table(
            ("criterion", "item", "outcome", "rationale"),
            [(found.criterion, found.text, found.outcome, found.rationale or "") for found in verdict.findings],
        )


def _values(mark: Mark) -> tuple[str, str, str]:
    value = mark.failure or f"{mark.value:g}"
    expected = "" if mark.expected is None else f"{mark.expected:.2f}"
    if expected and mark.spread is not None:
        expected += f" ± {mark.spread:.2f}"
    return value, expected, "" if mark.low is None else f"{mark.low:g} to {mark.high:g}"


def _preferred(vote: Vote) -> str:
    chance = "" if vote.probability is None else f" ({vote.probability:.0%} first)"
    return (vote.preferred or vote.failure or "") + chance


def _outcome(outcome: Outcome) -> Iterator["RenderableType"]:
    by = f"by {outcome.judge}" if outcome.judge else "without a judge"
    yield _rule(f"pairing {outcome.pairing[:12]}: {outcome.strategy} {by}")
    yield from _text(f"{outcome.created} UTC", outcome.prompt)
    if outcome.pairs:
        rows = [
            (
                pair.chosen,
                pair.rejected,
                "" if pair.margin is None else f"{pair.margin:.2f}",
                "" if pair.confidence is None else f"{pair.confidence:.2f}",
            )
            for pair in outcome.pairs
        ]
        yield _table(("chosen", "rejected", "margin of 100", "confidence"), rows)
    if outcome.responses:
        yield _table(("response", "outcome"), sorted(outcome.responses.items()))


def _text(label: str, text: str | None) -> Iterator["RenderableType"]:
    """Return a label, and below it the text, indented and shortened."""
    from rich.padding import Padding
    from rich.text import Text

    if label:
        yield Text(visible(label), style="bold")
    if text is not None:
        cut = f"\n… {len(text) - EXCERPT:,} more characters" if len(text) > EXCERPT else ""
        yield Padding(Text(visible(text[:EXCERPT]) + cut), (0, 0, 0, 2), expand=False)


def _rule(title: str) -> "RenderableType":
    from rich.rule import Rule
    from rich.text import Text

    return Rule(Text(visible(title), style="bold"), align="left")


def _dim(text: str) -> "RenderableType":
    from rich.text import Text

    return Text(visible(text), style="dim")


def _table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> "RenderableType":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(visible(cell)) for cell in row))
    return table

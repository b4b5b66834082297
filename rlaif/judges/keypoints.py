"""Kind `keypoints`: what the document holds for the request, noted once for each prompt, and how much is covered.

LongReward's completeness (Zhang et al. 2024), with the covered share of counted points in the place of a rating.
"""

from collections.abc import Sequence

from rlaif.config import JudgeSpec
from rlaif.errors import ModelError
from rlaif.judges.bench import Bench, Note, Subject
from rlaif.judges.chunk import chunks
from rlaif.judges.dialogue import Dialogue, judged, noted, texts_of
from rlaif.judges.scale import conversation
from rlaif.records import Finding, Verdict
from rlaif.rubric import KeyPoints
from rlaif.template import defuse, fence
from rlaif.verdict import TEXT, TEXTS

NEEDS_MODEL = True
TEMPLATES = {
    "keypoints": frozenset({"document", "request"}),
    "coverage": frozenset({"points", "request", "response", "fence"}),
}
COVERED = {"covered": 1.0, "partly": 0.5, "missing": 0.0}


def calls(criteria: Sequence[KeyPoints], spec: JudgeSpec) -> list[list[KeyPoints]]:
    """One call for each."""
    return [[criterion] for criterion in criteria]


async def judge(subject: Subject, criteria: Sequence[KeyPoints], repeat: int, bench: Bench) -> Verdict:
    """Has the prompt's key points noted where they are not yet, and asks which of them the response covers."""
    criterion = criteria[0]

    async def work(dialogue: Dialogue) -> tuple[float, list[Finding]]:
        note = await bench.once(subject.prompt, criterion.key, lambda: _note(subject, criterion, bench))
        points = texts_of(note)
        if not points:
            raise ModelError("inapplicable", "the document holds nothing for the request")
        numbers = [str(number) for number in range(1, len(points) + 1)]
        reply = await dialogue.ask(
            "coverage", {"rationale": TEXT, **dict.fromkeys(numbers, tuple(COVERED))},
            points=[defuse(point) for point in points], request=defuse(conversation(subject)),
            response=defuse(subject.text), fence=fence(subject.answer),
        )  # fmt: skip
        findings = [
            Finding(criterion.key, point, reply[number]) for number, point in zip(numbers, points, strict=True)
        ]  # fmt: skip
        return sum(COVERED[finding.outcome] for finding in findings) / len(findings), findings

    return await judged(Dialogue(bench, subject.answer, criterion.key, repeat), criterion.key, work)


async def _note(subject: Subject, criterion: KeyPoints, bench: Bench) -> Note:
    async def work(dialogue: Dialogue) -> list[str]:
        if not (pieces := chunks(subject.prompt.document or "", criterion.chunk_words)):
            raise ModelError("inapplicable", "the prompt has no document")
        points: list[str] = []
        for piece in pieces:
            asked = {"document": defuse(piece), "request": defuse(conversation(subject))}
            points += (await dialogue.ask("keypoints", {"points": TEXTS}, **asked))["points"]
        return list(dict.fromkeys(points))

    return await noted(Dialogue(bench, subject.prompt.key, criterion.key), work)

"""Kind `checklist`: yes-or-no items for the request, written once for each prompt, and their explicit weighted sum.

Rubrics as Rewards (Gunjal et al. 2025): value = sum(weight of what is met) / sum(weights). A pitfall is met by the
response that does not fall into it, so the value stays between 0 and 1.
"""

from collections.abc import Sequence

from rlaif.config import JudgeSpec
from rlaif.errors import ModelError
from rlaif.judges.bench import Bench, Note, Subject
from rlaif.judges.dialogue import Dialogue, judged, noted, texts_of
from rlaif.judges.scale import conversation
from rlaif.records import Finding, Verdict
from rlaif.rubric import Checklist
from rlaif.template import defuse, fence
from rlaif.verdict import TEXT, TEXTS

NEEDS_MODEL = True
TEMPLATES = {
    "checklist": frozenset({"document", "request", "reference"}),
    "checked": frozenset({"document", "items", "request", "response", "fence"}),
}
# The weights of the paper.
WEIGHTS = {"essential": 1.0, "important": 0.7, "optional": 0.3, "pitfalls": 0.9}


def calls(criteria: Sequence[Checklist], spec: JudgeSpec) -> list[list[Checklist]]:
    """One call for each."""
    return [[criterion] for criterion in criteria]


async def judge(subject: Subject, criteria: Sequence[Checklist], repeat: int, bench: Bench) -> Verdict:
    """Has the prompt's items written where they are not yet, and asks of each whether it is true of the response."""
    criterion = criteria[0]

    async def work(dialogue: Dialogue) -> tuple[float, list[Finding]]:
        items = [item.split(": ", 1) for item in texts_of(await bench.once(subject.prompt, criterion.key, note))]
        if not items:
            raise ModelError("inapplicable", "the checklist is empty")
        numbers = [str(number) for number in range(1, len(items) + 1)]
        document = subject.prompt.document
        reply = await dialogue.ask(
            "checked", {"rationale": TEXT, **dict.fromkeys(numbers, ("yes", "no"))},
            document=None if document is None else defuse(document), items=[defuse(text) for _, text in items],
            request=defuse(conversation(subject)), response=defuse(subject.text), fence=fence(subject.answer),
        )  # fmt: skip
        total = met = 0.0
        for number, (weight, _) in zip(numbers, items, strict=True):
            total += WEIGHTS[weight]
            met += WEIGHTS[weight] * (reply[number] == ("no" if weight == "pitfalls" else "yes"))
        findings = [
            Finding(criterion.key, f"{weight}: {text}", reply[number])
            for number, (weight, text) in zip(numbers, items, strict=True)
        ]  # fmt: skip
        # Sums of doubles in the same order, so that all met is 1 exactly.
        return met / total, findings

    async def note() -> Note:
        return await noted(Dialogue(bench, subject.prompt.key, criterion.key), lambda dialogue: _items(subject, dialogue))

    return await judged(Dialogue(bench, subject.answer, criterion.key, repeat), criterion.key, work)


async def _items(subject: Subject, dialogue: Dialogue) -> list[str]:
    prompt = subject.prompt
    reply = await dialogue.ask(
        "checklist", dict.fromkeys(WEIGHTS, TEXTS),
        document=None if prompt.document is None else defuse(prompt.document), request=defuse(conversation(subject)),
        reference=None if prompt.reference is None else defuse(prompt.reference),
    )  # fmt: skip
    return [f"{weight}: {text}" for weight in WEIGHTS for text in reply[weight]]

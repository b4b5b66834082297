"""Kind `claims`: the response's claims, each checked against the pieces of the document that it may rest on.

LongReward's faithfulness (Zhang et al. 2024): value = sum(support) / claims, support being 1, 0.5 or 0. A response
without a claim is no failure of its own making and no zero: it is `inapplicable`.
"""

from collections.abc import Sequence

from rlaif.config import JudgeSpec
from rlaif.errors import ModelError
from rlaif.judges.bench import Bench, Subject
from rlaif.judges.chunk import Search, chunks
from rlaif.judges.dialogue import Dialogue, judged
from rlaif.judges.scale import conversation
from rlaif.records import Finding, Verdict, key
from rlaif.rubric import Claims
from rlaif.template import defuse, fence
from rlaif.verdict import TEXT, TEXTS

NEEDS_MODEL = True
TEMPLATES = {
    "claims": frozenset({"request", "response", "fence"}),
    "support": frozenset({"passages", "claim", "fence"}),
}
SUPPORT = {"supported": 1.0, "partly": 0.5, "not": 0.0}


def calls(criteria: Sequence[Claims], spec: JudgeSpec) -> list[list[Claims]]:
    """One judgement for each, of one call and one more for each claim."""
    return [[criterion] for criterion in criteria]


async def judge(subject: Subject, criteria: Sequence[Claims], repeat: int, bench: Bench) -> Verdict:
    """Lists the claims, then checks one by one. One that cannot be checked fails the whole: a share of some is no share."""
    criterion = criteria[0]

    async def work(dialogue: Dialogue) -> tuple[float, list[Finding]]:
        pieces = chunks(subject.prompt.document or "", criterion.chunk_words)
        if not pieces:
            raise ModelError("inapplicable", "the prompt has no document")
        claims = await _claims(subject, dialogue)
        search = Search(pieces)
        findings = [await _checked(claim, search, subject, criterion, dialogue) for claim in claims]
        return sum(SUPPORT[finding.outcome] for finding in findings) / len(findings), findings

    return await judged(Dialogue(bench, subject.answer, criterion.key, repeat), criterion.key, work)


async def _claims(subject: Subject, dialogue: Dialogue) -> list[str]:
    reply = await dialogue.ask(
        "claims", {"claims": TEXTS},
        request=defuse(conversation(subject)), response=defuse(subject.text), fence=fence(subject.answer),
    )  # fmt: skip
    claims: list[str] = reply["claims"]
    if not claims:
        raise ModelError("inapplicable", "the response makes no claim that can be checked")
    return claims


async def _checked(claim: str, search: Search, subject: Subject, criterion: Claims, dialogue: Dialogue) -> Finding:
    reply = await dialogue.ask(
        "support", {"rationale": TEXT, "support": tuple(SUPPORT)},
        passages=[defuse(piece) for piece in search.best(claim, criterion.chunks)], claim=defuse(claim),
        # The claim is in the response's words, so it stays outside its own reach in the same way.
        fence=fence(key("claim", subject.answer, claim)),
    )  # fmt: skip
    return Finding(criterion.key, claim, reply["support"], reply["rationale"])

"""Kind `claims`: the judge checks each claim of the response against the document passages that may support it.

LongReward's faithfulness (Zhang et al. 2024): value = sum(support) / claims, support being 1, 0.5 or 0.
"""

from collections.abc import Sequence

from rlaif.config.templates import fence
from rlaif.core.errors import ModelError
from rlaif.core.types import Verdict, key
from rlaif.judging.context import Candidate, JudgeContext
from rlaif.judging.multi_call import THINGS, Counted, Dialogue, judged
from rlaif.judging.parsing import MOST_TEXTS, TEXT, TEXTS
from rlaif.judging.retrieval import chunks
from rlaif.judging.rubric import Claims

NEEDS_MODEL = True
# One request lists the claims, and one checks each of them.
ASKS = 1 + THINGS
TEMPLATES = {
    "claims": frozenset({"request", "prompt_fence", "response", "fence", "most"}),
    "support": frozenset({"passages", "prompt_fence", "claim", "fence"}),
}
SUPPORT = {"supported": 1.0, "partly": 0.5, "not": 0.0}
NONE = "the response makes no claim that can be checked"


async def judge(subject: Candidate, criteria: Sequence[Claims], repeat: int, judge_context: JudgeContext) -> Verdict:
    """List the claims, then check each one.

    If one check fails, the judgement fails, because a share over only some of the claims would be misleading.
    """
    criterion = criteria[0]

    async def work(dialogue: Dialogue) -> list[Counted]:
        pieces = chunks(subject.prompt.document or "", criterion.chunk_words)
        if not pieces:
            raise ModelError("inapplicable", "the prompt has no document")
        claims = await _claims(subject, judge_context, dialogue)
        found = await judge_context.retrieval.best(pieces, claims, criterion.chunks)
        return [await _checked(*each, subject, judge_context, dialogue) for each in zip(claims, found, strict=True)]

    return await judged(subject, criterion, repeat, judge_context, NONE, work)


async def _claims(subject: Candidate, judge_context: JudgeContext, dialogue: Dialogue) -> list[str]:
    nonces = nonce, _ = fence(subject.answer), subject.prompt_fence
    reply = await dialogue.request(
        "claims",
        {"claims": TEXTS},
        most=MOST_TEXTS,
        prompt_fence=subject.prompt_fence,
        fence=nonce,
        request=judge_context.shown_prompt(subject.prompt, *nonces)["request"],
        response=judge_context.shown(subject.text, *nonces),
    )
    # A claim that a response makes twice counts once.
    return list(dict.fromkeys(reply["claims"]))


async def _checked(
    claim: str, passages: Sequence[str], subject: Candidate, judge_context: JudgeContext, dialogue: Dialogue
) -> Counted:
    # The response determines the claim's text, so the nonce is a digest of both.
    nonces = nonce, _ = fence(key("claim", subject.answer, claim)), subject.prompt_fence
    reply = await dialogue.request(
        "support",
        {"rationale": TEXT, "support": tuple(SUPPORT)},
        prompt_fence=subject.prompt_fence,
        fence=nonce,
        passages=[judge_context.shown(passage, *nonces) for passage in passages],
        claim=judge_context.shown(claim, *nonces),
    )
    return Counted(claim, reply["support"], SUPPORT[reply["support"]], rationale=reply["rationale"])

"""Kind `keypoints`: the share of the document's key points for the request that the response covers.

The judge lists the key points once per prompt. This is LongReward's completeness (Zhang et al. 2024), with a share of
points instead of a rating.
"""

from collections.abc import Sequence

from rlaif.core.errors import ModelError
from rlaif.core.types import Verdict
from rlaif.judging.context import Candidate, JudgeContext, Note
from rlaif.judging.multi_call import Counted, Dialogue, judged, noted, texts_of
from rlaif.judging.parsing import MOST_TEXTS, TEXTS
from rlaif.judging.retrieval import chunks
from rlaif.judging.rubric import KeyPoints

NEEDS_MODEL = True
TEMPLATES = {
    "keypoints": frozenset({"document", "request", "prompt_fence", "most"}),
    "coverage": frozenset({"texts", "request", "prompt_fence", "response", "fence"}),
}
COVERED = {"covered": 1.0, "partly": 0.5, "missing": 0.0}
NONE = "the document contains nothing for the request"


async def judge(subject: Candidate, criteria: Sequence[KeyPoints], repeat: int, judge_context: JudgeContext) -> Verdict:
    """Let the judge list the prompt's key points if it has none yet, and decide which of them the response covers."""
    criterion = criteria[0]

    async def work(dialogue: Dialogue) -> list[Counted]:
        points = texts_of(
            await judge_context.once(subject.prompt, criterion.key, lambda: _note(subject, criterion, judge_context))
        )
        words = await dialogue.request_each("coverage", points, tuple(COVERED), subject)
        return [Counted(point, word, COVERED[word]) for point, word in zip(points, words, strict=True)]

    return await judged(subject, criterion, repeat, judge_context, NONE, work)


async def _note(subject: Candidate, criterion: KeyPoints, judge_context: JudgeContext) -> Note:
    async def work(dialogue: Dialogue) -> list[str]:
        if not (pieces := chunks(subject.prompt.document or "", criterion.chunk_words)):
            raise ModelError("inapplicable", "the prompt has no document")
        points: list[str] = []
        nonce = subject.prompt_fence
        request = judge_context.shown_prompt(subject.prompt, nonce)["request"]
        for piece in pieces:
            reply = await dialogue.request(
                "keypoints",
                {"points": TEXTS},
                most=MOST_TEXTS,
                prompt_fence=nonce,
                request=request,
                document=judge_context.shown(piece, nonce),
            )
            points += reply["points"]
        return list(dict.fromkeys(points))

    return await noted(Dialogue(judge_context, subject.prompt.key, criterion.key), work)

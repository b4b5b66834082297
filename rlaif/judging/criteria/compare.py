"""Kind `compare`: a model reads two responses to one prompt and says which is better, or that it is a tie.

Judges have a position bias (Zheng et al. 2023, arXiv 2306.05685), so each pair of responses is shown in both orders. If the
judge returns log-probabilities, those of its choice give a soft preference (Lee et al. 2023, RLAIF, arXiv 2309.00267).
"""

from collections.abc import Sequence
from typing import Any

from rlaif.config import JudgeSpec
from rlaif.config.templates import fence
from rlaif.core.errors import ModelError
from rlaif.core.types import Comparison, Verdict, key
from rlaif.judging.context import Candidate, JudgeContext
from rlaif.judging.criteria.scale import TOP_LOGPROBS
from rlaif.judging.logprobs import choice_probabilities, token_fault, word_start
from rlaif.judging.multi_call import Dialogue
from rlaif.judging.native import ReplyFormat
from rlaif.judging.parsing import TEXT, Fields, wrapping_of
from rlaif.judging.rubric import Compare

NEEDS_MODEL = True
TEMPLATES = {
    "compare": frozenset(
        {
            "document",
            "request",
            "reference",
            "metadata",
            "prompt_fence",
            "first",
            "second",
            "first_fence",
            "second_fence",
            "criterion",
        }
    )
}
# The value of each word for the response that is shown first.
WORTH = {"first": 1.0, "second": 0.0, "tie": 0.5}
FIELDS: Fields = {"rationale": TEXT, "better": tuple(WORTH)}


def calls(criteria: Sequence[Compare], spec: JudgeSpec) -> list[list[Compare]]:
    """Return no calls, because a comparison needs two responses."""
    return []


async def compare(
    first: Candidate, second: Candidate, criterion: Compare, repeat: int, judge_context: JudgeContext
) -> Verdict:
    """Compare two responses in this order. A failed comparison has a kind and no preference.

    Raises ModelError only for fatal kinds.
    """
    top = TOP_LOGPROBS if judge_context.spec.logprobs else None
    dialogue = Dialogue(judge_context, first.answer, second.answer, criterion.key, repeat, top=top)
    failure = detail = None
    try:
        comparison = await _compared(first, second, criterion, judge_context, dialogue)
    except ModelError as error:
        if error.fatal:
            raise
        failure, detail = error.kind, str(error)
        comparison = Comparison(failure=failure)
    return Verdict(
        raw=dialogue.raw,
        failure=failure,
        detail=detail,
        calls=len(dialogue.replies),
        comparison=comparison,
        prompt_tokens=dialogue.prompt_tokens,
        output_tokens=dialogue.output_tokens,
        reasoning=dialogue.reasoning,
    )


async def _compared(
    first: Candidate, second: Candidate, criterion: Compare, judge_context: JudgeContext, dialogue: Dialogue
) -> Comparison:
    both = key("two", first.answer, second.answer)
    # Digests of both texts, so that neither response can contain its own nonce or the other's.
    nonces = one, two, _ = fence(key("first", both)), fence(key("second", both)), first.prompt_fence
    values = dict(
        **judge_context.shown_prompt(first.prompt, *nonces),
        **judge_context.shown_metadata(judge_context.templates["compare"], first.prompt, *nonces),
        prompt_fence=first.prompt_fence,
        first=judge_context.shown(first.text, *nonces),
        second=judge_context.shown(second.text, *nonces),
        first_fence=one,
        second_fence=two,
        criterion=criterion.spec,
    )
    if judge_context.format and judge_context.format.compare:
        return await _native_comparison(judge_context.format.compare, values, judge_context, dialogue)
    reply = await dialogue.request("compare", FIELDS, **values)
    last = dialogue.last
    wrapping = wrapping_of(last)
    if judge_context.spec.logprobs and (fault := token_fault(last, word_start(last.text, "better", wrapping))):
        judge_context.without_logprobs[fault] += 1
    shares = choice_probabilities(last.text, last.tokens, "better", tuple(WORTH), wrapping)
    probability = sum(WORTH[word] * share for word, share in shares.items()) if shares else None
    return Comparison(reply["better"], probability, reply["rationale"])


async def _native_comparison(
    form: ReplyFormat, values: dict[str, Any], judge_context: JudgeContext, dialogue: Dialogue
) -> Comparison:
    verdict = await dialogue.request_native("compare", form, **values)
    if judge_context.spec.logprobs and (fault := token_fault(dialogue.last, verdict.span[0])):
        judge_context.without_logprobs[fault] += 1
    expected = form.expected(dialogue.last, verdict)
    return Comparison("first" if verdict.value else "second", expected[0] if expected else None, verdict.rationale)

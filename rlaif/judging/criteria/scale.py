"""Kind `scale`: a model rates the response on anchored integer scales, rationale first.

With `calls: together`, one request covers all criteria; they come before the document, so that all prompts share this
prefix. With `calls: apart`, each criterion has its own request and comes last, so that a server can reuse everything before
it.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

from rlaif.config import JudgeSpec
from rlaif.config.templates import fence
from rlaif.core.errors import ModelError
from rlaif.core.types import Score, Verdict, key
from rlaif.judging.context import Candidate, JudgeContext
from rlaif.judging.logprobs import expectation, token_fault
from rlaif.judging.native import ReplyFormat
from rlaif.judging.parsing import parse_scores, require_whole, wrapping_of
from rlaif.judging.rubric import Scale
from rlaif.models.base import ChatRequest, Completion, Sampling

NEEDS_MODEL = True
# The variables that a judge's template may use.
VARIABLES = frozenset(
    {
        "document",
        "request",
        "reference",
        "metadata",
        "prompt_fence",
        "response",
        "fence",
        "criteria",
        "criterion",
        "apart",
        "low",
        "high",
    }
)
# The most alternatives per token that common servers return.
TOP_LOGPROBS = 20
# Used for retries, because at temperature 0 the judge would send the same reply again.
RETRY_TEMPERATURE = 0.7
# The limit of output tokens for the retry of a reply that was cut off, as a multiple of `max_tokens`.
RETRY_ROOM = 2
# Failures worth a retry. A refusal is final, and a prompt that was cut would be cut again.
RETRIED = frozenset({"malformed", "truncated"})


def calls(criteria: Sequence[Scale], spec: JudgeSpec) -> list[list[Scale]]:
    """Group the criteria by request: all in one request, or one request per criterion."""
    if spec.apart:
        return [[criterion] for criterion in criteria]
    return [list(criteria)] if criteria else []


async def judge(subject: Candidate, criteria: Sequence[Scale], repeat: int, judge_context: JudgeContext) -> Verdict:
    """Request a verdict, at most `attempts` times. A failed judgement has a kind and no value.

    The request is repeated with a higher token limit if the reply was cut off. Raises ModelError if a request fails.
    """
    if judge_context.model is None:
        raise ValueError("a scale needs a model")
    prompt_tokens = output_tokens = 0
    room = token_limit(judge_context.spec)
    for attempt in range(judge_context.spec.attempts):
        reply = (await judge_context.model.complete(_request(subject, criteria, repeat, attempt, room, judge_context)))[0]
        prompt_tokens += reply.prompt_tokens or 0
        output_tokens += reply.output_tokens or 0
        try:
            scores, failure, detail = _scores(reply, criteria, judge_context), None, None
            break
        except ModelError as error:
            scores = [Score(criterion.key, failure=error.kind) for criterion in criteria]
            failure, detail = error.kind, str(error)
            if failure not in RETRIED:
                break
            room = token_limit(judge_context.spec, failure)
    return Verdict(scores, reply.text, failure, detail, prompt_tokens, output_tokens, reply.reasoning, calls=attempt + 1)


def sampling(spec: JudgeSpec, attempt: int, room: int) -> Sampling:
    """Return the sampling settings of a request with at most `room` output tokens; retries are warmer."""
    warmer = attempt and spec.temperature is not None
    temperature = max(spec.temperature or 0.0, RETRY_TEMPERATURE) if warmer else spec.temperature
    return Sampling(temperature, max_tokens=room, chosen="temperature" in spec.model_fields_set)


def token_limit(spec: JudgeSpec, failure: str | None = None) -> int:
    """Return the maximum number of output tokens of a request, after a reply that failed in this way.

    After a truncated reply, a judge that has a budget for reasoning gets twice that budget, any other twice `max_tokens`.
    """
    if failure != "truncated":
        return spec.max_tokens + spec.reasoning_tokens
    if spec.reasoning_tokens:
        return spec.max_tokens + RETRY_ROOM * spec.reasoning_tokens
    return RETRY_ROOM * spec.max_tokens


def _request(
    subject: Candidate, criteria: Sequence[Scale], repeat: int, attempt: int, room: int, judge_context: JudgeContext
) -> ChatRequest:
    spec, form = judge_context.spec, _native(judge_context)
    return ChatRequest(
        messages=[{"role": "user", "content": render(subject, criteria, judge_context, repeat)}],
        sampling=sampling(spec, attempt, room),
        seeds=(int(key("judge seed", subject.answer, repeat, attempt)[:8], 16) >> 1,),
        schema=None if form else schema(criteria, apart=spec.apart),
        top_logprobs=TOP_LOGPROBS if spec.logprobs else None,
        about=subject.prompt.document or subject.prompt.key,
        follows=attempt > 0,
        replies=form.replies if form else (),
    )


def render(subject: Candidate, criteria: Sequence[Scale], judge_context: JudgeContext, repeat: int = 0) -> str:
    """Render the judge's prompt for one repeat, which matters only if the order of levels is permuted."""
    specs = [criterion.spec for criterion in criteria]
    if judge_context.spec.level_order == "permuted":
        order = level_order(subject, repeat)
        specs = [spec | {"levels": {at: spec["levels"][at] for at in order(spec["levels"])}} for spec in specs]
    nonces = nonce, _ = fence(subject.answer), subject.prompt_fence
    return judge_context.template.render(
        **judge_context.shown_prompt(subject.prompt, *nonces),
        **judge_context.shown_metadata(judge_context.template, subject.prompt, *nonces),
        prompt_fence=subject.prompt_fence,
        response=judge_context.shown(subject.text, *nonces),
        fence=nonce,
        criteria=specs,
        criterion=specs[0],
        low=criteria[0].low,
        high=criteria[0].high,
        apart=judge_context.spec.apart,
    )


def level_order(subject: Candidate, repeat: int) -> Callable[[Iterable[int]], list[int]]:
    """Return how to order levels in a repeat: rising, falling, then a seeded random order and its reverse, and so on."""

    def ordered(levels: Iterable[int]) -> list[int]:
        found = sorted(levels)
        if repeat > 1:
            random.Random(key("level order", subject.answer, repeat // 2)).shuffle(found)
        return found[::-1] if repeat % 2 else found

    return ordered


def schema(criteria: Sequence[Scale], *, apart: bool) -> dict[str, Any]:
    """Return the JSON Schema of a verdict. The rationale precedes the score, so that the score can follow from it."""
    if apart:
        return _mark_schema(criteria[0].low, criteria[0].high)
    return _object({criterion.name: _mark_schema(criterion.low, criterion.high) for criterion in criteria})


@cache
def _mark_schema(low: int, high: int) -> dict[str, Any]:
    score = {"type": "integer", "minimum": low, "maximum": high}
    return _object({"rationale": {"type": "string"}, "score": score})


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _scores(reply: Completion, criteria: Sequence[Scale], judge_context: JudgeContext) -> list[Score]:
    if form := _native(judge_context):
        return [_native_score(reply, form, criteria[0], judge_context)]
    require_whole(reply)
    limits = {criterion.name: (criterion.low, criterion.high) for criterion in criteria}
    marks = parse_scores(reply.text, limits, apart=judge_context.spec.apart, wrapping=wrapping_of(reply))
    scores = []
    for criterion in criteria:
        mark = marks[criterion.name]
        if judge_context.spec.logprobs and (fault := token_fault(reply, mark.span[0])):
            judge_context.without_logprobs[fault] += 1
        expected = expectation(reply.tokens, mark, limits[criterion.name])
        mean, spread = expected or (None, None)
        scores.append(Score(criterion.key, float(mark.value), mean, spread, mark.rationale))
    return scores


def _native(judge_context: JudgeContext) -> ReplyFormat | None:
    return judge_context.format.scale if judge_context.format else None


def _native_score(reply: Completion, form: ReplyFormat, criterion: Scale, judge_context: JudgeContext) -> Score:
    verdict = form.read(reply)
    if judge_context.spec.logprobs and (fault := token_fault(reply, verdict.span[0])):
        judge_context.without_logprobs[fault] += 1
    mean, spread = form.expected(reply, verdict) or (None, None)
    return Score(criterion.key, float(verdict.value), mean, spread, verdict.rationale)

"""Kind `reward_model`: a sequence-classification model returns a scalar for the chat that ends with the response.

A reward model is trained so that the sigmoid of a difference is the probability of being preferred (Bradley and Terry 1952;
Ouyang et al. 2022, arXiv 2203.02155), so the scalar is unbounded. The score is 1 / (1 + exp(-reward / width)), which keeps
the order, lies between 0 and 1, and is stored with six decimals; the raw reward is stored as the verdict's text. A reward so
extreme that its score rounds to 0 or 1 is a failure, because it would tie with others.
"""

from collections.abc import Sequence
from math import exp, isfinite

from rlaif.config import JudgeSpec
from rlaif.core.errors import ModelError
from rlaif.core.types import Message, Score, Verdict
from rlaif.judging.context import Candidate, JudgeContext
from rlaif.judging.rubric import RewardModel
from rlaif.models.base import ChatRequest, Sampling, prompt_cut

NEEDS_MODEL = True
TEMPLATES = {"reward_model": frozenset({"document", "request"})}
# Decimals of a score in the store.
DECIMALS = 6
# The schema for the scripted model, which is not a reward model.
SCHEMA = {"type": "number", "minimum": -8, "maximum": 8}


def calls(criteria: Sequence[RewardModel], spec: JudgeSpec) -> list[list[RewardModel]]:
    """Group all criteria in one request, because they differ only in width."""
    return [list(criteria)] if criteria else []


async def judge(subject: Candidate, criteria: Sequence[RewardModel], repeat: int, judge_context: JudgeContext) -> Verdict:
    """Request the reward once; a repeat would return the same value. Raises ModelError if the request fails."""
    if judge_context.model is None:
        raise ValueError("this kind of criterion needs a model")
    request = ChatRequest(chat(subject, judge_context), Sampling(0.0, max_tokens=1), schema=SCHEMA)
    reply = (await judge_context.model.complete(request))[0]
    failure = detail = None
    try:
        if reply.finish == "prompt_cut":
            raise ModelError("prompt_cut", prompt_cut(reply), raw=reply.text)
        scores = [Score(criterion.key, value(reply.text, criterion.width)) for criterion in criteria]
    except ModelError as error:
        failure, detail = error.kind, str(error)
        scores = [Score(criterion.key, failure=failure) for criterion in criteria]
    return Verdict(scores, reply.text, failure, detail, reply.prompt_tokens or 0, reply.output_tokens or 0)


def chat(subject: Candidate, judge_context: JudgeContext) -> list[Message]:
    """Return the prompt, its last turn rendered by the template with the document, and the response as the last turn."""
    *before, last = subject.prompt.messages
    shown: list[Message] = [{"role": turn["role"], "content": judge_context.shown(turn["content"])} for turn in before]
    document = judge_context.shown_prompt(subject.prompt)["document"]
    request = judge_context.templates["reward_model"].render(document=document, request=judge_context.shown(last["content"]))
    return [
        *shown,
        {"role": last["role"], "content": request},
        {"role": "assistant", "content": judge_context.shown(subject.text)},
    ]


def value(text: str, width: float) -> float:
    """Map a reward to a score from 0 to 1. Raises ModelError `malformed` if it is not a number or too extreme."""
    try:
        reward = float(text)
    except ValueError:
        raise ModelError("malformed", "not a number", raw=text) from None
    if not isfinite(reward):
        raise ModelError("malformed", "not a finite number", raw=text)
    # Compute the smaller tail, so that the exponential cannot overflow.
    tail = exp(-abs(reward) / width)
    found = round((1.0 if reward >= 0 else tail) / (1 + tail), DECIMALS)
    if not 0 < found < 1:
        raise ModelError("malformed", f"a reward of {reward:g} is too extreme for a `width` of {width:g}", raw=text)
    return found

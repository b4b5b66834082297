"""A judge of kind `scale` on a real local server: which replies are requested again, and how a verdict fails."""

import asyncio
import json

import pytest

from rlaif.config import JudgeSpec, OpenAIModel
from rlaif.config.resources import root
from rlaif.config.templates import Template
from rlaif.core.types import Prompt, Verdict
from rlaif.judging import Candidate, JudgeContext
from rlaif.judging.criteria import scale
from rlaif.judging.rubric import Scale, load_rubric
from rlaif.models.openai.client import OpenAI
from tests.support.servers import Script, Server, chat, choice, serve

RUBRIC = load_rubric(root() / "rubrics/grounded.yaml")
CRITERIA = [criterion for criterion in RUBRIC.criteria if isinstance(criterion, Scale)]
SPEC = JudgeSpec.model_validate({"rubric": "x", "max_tokens": 100})
TEMPLATE = Template(root() / "prompts/judge/scale.jinja", scale.VARIABLES)
SUBJECT = Candidate(Prompt(({"role": "user", "content": "Sum up."},), "Crates came."), "Crates.")
SOUND = json.dumps({criterion.name: {"rationale": "so", "score": 4} for criterion in CRITERIA})
CUT_OFF = chat(choice(SOUND[:40], finish="length"))


def judged(*script: Script) -> tuple[Verdict, Server]:
    async def run() -> tuple[Verdict, Server]:
        async with serve(script) as server:
            config = OpenAIModel(kind="openai", model="m", base_url=server.base_url, attempts=1)
            async with OpenAI(config) as model:
                return await scale.judge(SUBJECT, CRITERIA, 0, JudgeContext(SPEC, TEMPLATE, model)), server

    return asyncio.run(run())


@pytest.mark.fault("J2")
def test_a_truncated_verdict_is_requested_again_with_a_higher_limit() -> None:
    verdict, server = judged(CUT_OFF, chat(SOUND))
    assert [request.body["max_tokens"] for request in server.chats] == [100, 200]
    assert [score.value for score in verdict.scores] == [4.0] * len(CRITERIA)
    assert (verdict.failure, verdict.calls) == (None, 2)


LASTING = {
    "cut off": (CUT_OFF, "truncated", "the reply was cut off before its verdict ended"),
    "a run of blanks": (chat(choice('{"' + " \n\t" * 90, finish="length")), "truncated", "in an endless run of blanks"),
    "nothing at all": (chat(choice("", finish="length")), "truncated", "the reply was cut off before its verdict ended"),
    "prose": (chat("I would say four."), "malformed", "no JSON object"),
    "a refusal": (chat(choice(None, refusal="I cannot")), "refused", "the judge refused"),
    "filtered": (chat(choice("", finish="content_filter")), "refused", "the judge refused"),
    "a sound verdict that may be cut off": (chat(choice(SOUND, finish="length")), "truncated", "the reply was cut off"),
    "an unknown ending": (chat(choice(SOUND, finish="odd")), "malformed", "unknown finish_reason 'odd'"),
    "an unclosed thought": (chat("<think>" + SOUND), "malformed", "before the model's reasoning does"),
    "reasoning alone": (chat("<think>hm</think>"), "malformed", "the reply is empty"),
    "no text": (chat("  "), "malformed", "the reply is empty"),
}


@pytest.mark.fault("J2", "J7")
@pytest.mark.parametrize(("reply", "kind", "said"), LASTING.values(), ids=LASTING)
def test_a_missing_verdict_is_a_failure_of_all_its_criteria(reply: Script, kind: str, said: str) -> None:
    verdict, server = judged(reply)
    assert len(server.chats) == (1 if kind == "refused" else SPEC.attempts)
    assert verdict.failure == kind
    assert said in str(verdict.detail)
    assert {(score.value, score.failure) for score in verdict.scores} == {(None, kind)}

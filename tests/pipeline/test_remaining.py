"""The work that is left: all of it before a run, none after it, and what a stopped run did not reach."""

from pathlib import Path

from rlaif.config import load
from rlaif.pipeline import open_run
from rlaif.pipeline.generate_and_judge import collect, generate
from rlaif.pipeline.remaining import remaining
from tests.support.scripted_pipeline import go, project


def test_the_remaining_work_is_what_the_run_does(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=4)
    with open_run(load(file)) as (plan, context):
        collect(context)
        before = remaining(plan, context.store)
        generate(plan, context)
        generated = remaining(plan, context.store)
    assert before["responses"] == 12
    assert generated == before | {"responses": 0}
    done = go(file)
    assert done["judge a"] == before["judgements"]
    with open_run(load(file)) as (plan, context):
        assert remaining(plan, context.store) == {"responses": 0, "judgements": 0}

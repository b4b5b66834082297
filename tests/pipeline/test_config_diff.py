"""A run tells what changed since the last one of the store, and what that makes pending again."""

from pathlib import Path

import pytest

from rlaif import pipeline
from rlaif.config import load
from rlaif.pipeline import resolve
from rlaif.pipeline.config_diff import changes
from rlaif.store.store import Store
from tests.support.displays import RecordedNotes
from tests.support.scripted_pipeline import go, project


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline that has run once."""
    file = project(tmp_path_factory.mktemp("changes"), prompts=3)
    go(file)
    return file


def told(file: Path, *overrides: str) -> list[str]:
    config = load(file, list(overrides))
    with Store(config.store_path, read_only=True) as store:
        return [line.strip() for line in changes(resolve(config), store)]


CHANGED, PENDING = "Changed since the last run:", "Pending again:"
CASES: dict[str, tuple[list[str], list[str]]] = {
    "nothing": ([], []),
    "speed": (["models.writer.delay=0.01"], [CHANGED, "models.writer.delay: 0.0 → 0.01"]),
    "a margin": (["pair.min_margin=5"], [CHANGED, "pair.min_margin: 2.0 → 5.0"]),
    "more samples": (["generate.samples=4"], [CHANGED, "generate.samples: 3 → 4"]),
    "a temperature": (
        ["generate.temperature=0.5"],
        [CHANGED, "generate.temperature: 1.0 → 0.5", PENDING, "all responses by writer"],
    ),
    "a judge's model": (["models.first.salt=z"], [CHANGED, 'models.first.salt: "a" → "z"', PENDING, "all scores by a"]),
    "a column": (
        ["collect.sources.0.columns.prompt=text"],
        [CHANGED, 'collect.sources.0.columns.prompt: "prompt" → "text"'],
    ),
    "another judge": (["judge.by=[b]"], [CHANGED, 'judge.by: ["a"] → ["b"]']),
}


@pytest.mark.fault("P7")
@pytest.mark.parametrize("name", CASES)
def test_a_changed_configuration_is_reported_with_the_work_it_makes_pending(worked: Path, name: str) -> None:
    overrides, lines = CASES[name]
    assert told(worked, *overrides) == lines


@pytest.mark.fault("P7")
def test_a_changed_wording_is_reported(worked: Path) -> None:
    rubric = worked.parent / "rubric.yaml"
    before = rubric.read_text()
    rubric.write_text(before.replace("Is every statement", "Is each statement"))
    assert told(worked) == [PENDING, "scores by a on faithfulness"]
    rubric.write_text(before)


def test_another_first_judge_is_named_as_the_one_that_makes_the_pairs(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=3)
    first = "  a: {model: first, rubric: rubric.yaml, logprobs: true, calls: apart}\n"
    text = file.read_text().replace("judge: {by: [a]}\n", "").replace("pair: {judge: a, ", "pair: {")
    file.write_text(text.replace(first, ""))
    go(file)
    file.write_text(text)
    assert 'pair.judge: "b" → "a"' in told(file)


def test_a_run_that_was_stopped_early_recomputes_nothing(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=3)
    with pipeline.open_run(load(file)) as (plan, context):
        pipeline.collect(context)
        pipeline.generate(plan, context)
    assert told(file) == []


def test_units_that_were_never_made_are_not_requeued(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=3)
    with (tmp_path / "prompts.jsonl").open("a") as prompts:
        prompts.write('{"prompt": "Why?", "document": "", "text": "So."}\n')
    given = "collect.sources.0.columns.responses=text"
    anew = ["generate.temperature=0.5", "models.first.salt=z"]
    told_alone = [CHANGED, 'models.first.salt: "a" → "z"', "generate.temperature: 1.0 → 0.5"]
    with pipeline.open_run(load(file, [given])) as (plan, context):
        pipeline.collect(context)
    assert told(file, given, *anew) == told_alone
    with pipeline.open_run(load(file, [given])) as (plan, context):
        pipeline.judge(plan, context)
    assert told(file, given, *anew) == [*told_alone, PENDING, "all scores by a"]


@pytest.mark.fault("P7")
def test_each_run_is_compared_with_the_one_before(tmp_path: Path) -> None:
    file, noted = project(tmp_path, prompts=3), RecordedNotes()
    for margin in (2, 5, 5, 2):
        with pipeline.open_run(load(file, [f"pair.min_margin={margin}"]), noted):
            pass
    assert noted.lines == [CHANGED, "pair.min_margin: 2.0 → 5.0", CHANGED, "pair.min_margin: 5.0 → 2.0"]

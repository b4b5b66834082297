"""A stage that comes too early names what is missing and the command that makes it, and exits with 2."""

import re
from pathlib import Path

import pytest

from rlaif import pipeline
from rlaif.config import load
from rlaif.core.errors import InputError
from rlaif.pipeline.stages.audit import audit
from tests.support.command_line import rlaif
from tests.support.scripted_pipeline import go, project

TRAINED = (
    "generate: {model: writer, samples: 3}",
    "generate: {model: writer, samples: 3}\ntrain: {model: tiny}\nevaluate: {judges: [a]}",
)
# After which stages (None: without a store), which command, and what it must say.
EARLY: list[tuple[list[str] | None, list[str], str]] = [
    ([], ["generate"], "no prompts have been collected\nRun `rlaif collect {file}` first."),
    ([], ["judge"], "no prompts have been collected"),
    ([], ["judge", "--judge", "nobody"], "no judge is called 'nobody'"),
    ([], ["pair"], "no prompts have been collected"),
    ([], ["evaluate"], "no prompts have been collected"),
    ([], ["train"], "no prompts have been collected"),
    (None, ["export", "x"], "nothing has been done yet"),
    (None, ["push", "ann/x"], "nothing has been done yet"),
    (None, ["agree", "a", "b"], "nothing has been done yet"),
    (None, ["report"], "nothing has been done yet"),
    (None, ["view"], "nothing has been done yet"),
    (None, ["status"], "Run `rlaif run {file}`, or run the stages one by one, starting with `rlaif collect {file}`."),
    (None, ["pairs", "diff"], "nothing has been done yet"),
    (["collect"], ["judge"], "there are no responses yet by the generator of this file\nRun `rlaif generate {file}` first."),
    (["collect"], ["pair"], "there are no responses yet"),
    (["collect"], ["export", "x"], "there are no responses yet"),
    (["collect"], ["agree", "a", "b"], "there are no responses yet"),
    (["collect"], ["label", "--by", "ann", "--export", "x.csv"], "there are no responses yet"),
    (["collect"], ["audit", "--stored"], "there are no responses yet"),
    (["collect"], ["pairs", "diff", "--b", "pair.judge=b"], "there are no responses yet"),
    (["collect", "generate"], ["pair"], "judge a has scored 0 of 9 responses"),
    (["collect", "generate"], ["train"], "Run `rlaif judge {file} --judge a` first."),
    (["collect", "generate"], ["export", "x"], "judge a has scored 0 of 9 responses"),
    (["collect", "generate"], ["push", "ann/x"], "judge a has scored 0 of 9 responses"),
    (["collect", "generate"], ["agree", "a", "b"], "a has judged none of 9 responses, and b has judged none"),
    (["collect", "generate"], ["audit", "--stored"], "there is nothing to audit: a has judged none"),
    (["collect", "generate", "judge"], ["evaluate"], "no model has been trained yet\nRun `rlaif train {file}` first."),
    (
        ["collect", "generate", "judge"],
        ["agree", "a", "b"],
        "a and b have no scores in common: a has judged 9 of 9 responses, and b has judged none of 9 responses\n"
        "Run `rlaif judge {file} --judge b` first.",
    ),
    (["collect", "generate", "judge"], ["agree", "a", "a"], "a and a are one judge"),
    (["collect", "generate", "judge"], ["agree", "a", "human:ann"], "no votes by human:ann yet"),
]


STAGES = (lambda _, context: pipeline.collect(context), pipeline.generate, pipeline.judge)


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """The same project after so many stages."""
    made = {}
    for stages in (-1, 0, 1, 2, 3):
        folder = tmp_path_factory.mktemp("stage") / "p"
        file = project(folder, prompts=3)
        text = file.read_text().replace(*TRAINED)
        text = text.replace("  first: {kind: scripted, salt: a, malformed: 0.1, ", "  first: {kind: scripted, salt: a, ")
        file.write_text(text.replace("models:\n", "models:\n  tiny: {kind: transformers, path: 'tiny:writer'}\n"))
        for stage in STAGES[: max(stages, 0)]:
            with pipeline.open_run(load(file)) as (plan, context):
                stage(plan, context)
        made[stages] = file
    return made


@pytest.mark.parametrize(
    ("done", "command", "said"), EARLY, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_a_stage_that_comes_too_early_says_what_is_missing(
    done: list[str] | None, command: list[str], said: str, projects: dict[int, Path]
) -> None:
    file = projects[-1 if done is None else len(done)]
    verb, rest = (2, command[2:]) if command[0] == "pairs" else (1, command[1:])
    found = rlaif(*command[:verb], str(file), *rest, folder=file.parent)
    assert said.format(file=file) in found.stderr
    assert found.returncode == 2
    assert "Traceback" not in found.stderr


def test_a_file_without_a_section_says_which(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=3)
    go(file)
    with (
        pipeline.open_run(load(file)) as (plan, context),
        pytest.raises(InputError, match="the file has no `evaluate` section"),
    ):
        pipeline.need_models(plan, context)
    with (
        pipeline.open_run(load(file, ["evaluate={}"])) as (plan, context),
        pytest.raises(InputError, match="Add a `train` section"),
    ):
        pipeline.need_models(plan, context)


GOLD = {
    "one that has judged nothing": ("", r"b has judged none of 9 responses\nRun `rlaif judge .* --judge b"),
    "one whose verdicts all failed": (
        "UPDATE scores SET value = NULL, expected = NULL, spread = NULL, failure = 'truncated' WHERE judge = {b}",
        r"b has no usable verdict, because all 9 that it tried failed \(truncated\)\nRun `rlaif retry",
    ),
    "one that judged other responses": (
        "DELETE FROM scores WHERE (judge = {b}) = (answer IN (SELECT answer FROM responses JOIN prompts ON prompts.key = prompt"
        " WHERE position > 0))",
        "nothing to compare with b: b has judged 3 of 9 responses, a has judged 6 of 9",
    ),
}


@pytest.mark.parametrize("name", GOLD)
def test_uninformative_gold_is_refused_with_the_reason(name: str, tmp_path: Path) -> None:
    change, said = GOLD[name]
    file = project(tmp_path, prompts=3)
    file.write_text(re.sub("malformed: 0.1, ", "", file.read_text()))
    go(file)
    with pipeline.open_run(load(file)) as (plan, context):
        if change:
            pipeline.judge(plan, context, ["b"])
            context.store.run(change.format(b="(SELECT key FROM judges WHERE name = 'b')"))
        with pytest.raises(InputError, match=said):
            audit(plan, context, ["a"], "b", stored=True)
        assert audit(plan, context, ["a"], stored=True).judges[0].found, "without gold it is audited all the same"

"""A pool of generators: who answers which prompt, what a changed pool asks, and pairs by the generators' names."""

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from rlaif import pipeline as run
from rlaif.config import Config, GeneratorSettings, TransformersModel, load
from rlaif.config.resources import root
from rlaif.core.errors import InputError
from rlaif.estimate import plan as estimate
from rlaif.pipeline.rounds import as_round
from tests.support.scripted_pipeline import add, go, rows

MODELS = """
name: pool
models:
  small: {kind: scripted, salt: s}
  middle: {kind: scripted, salt: m}
  large: {kind: scripted, salt: l}
  huge: {kind: scripted, salt: h}
  critic: {kind: scripted, salt: c}
collect:
  sources: [{path: prompts.jsonl, columns: {prompt: prompt, document: document}}]
"""
JUDGED = "judges: {a: {model: critic, rubric: rubric.yaml}}\n"
PAIRED = "pair: {}\n"
DELTA = "pair: {strategy: stronger_vs_weaker, options: {strong: large, weak: small}}\n"
THREE: dict[str, Any] = {
    "samples": 1,
    "pick": 2,
    "generators": [{"model": "small"}, {"model": "middle"}, {"model": "large"}],
}
TWO = {"generators": [{"model": "small"}, {"model": "large"}], "samples": 1}


def write(folder: Path, generate: dict[str, Any], rest: str = "", prompts: int = 90) -> Path:
    """The pipeline with this `generate` section; the prompts are written once."""
    folder.mkdir(exist_ok=True)
    (folder / "pool.yaml").write_text(f"{MODELS}\ngenerate: {json.dumps(generate)}\n{rest}")
    shutil.copy(root() / "rubrics/grounded.yaml", folder / "rubric.yaml")
    if not (folder / "prompts.jsonl").exists():
        add(folder, range(prompts))
    return folder / "pool.yaml"


def sample(file: Path) -> dict[str, int]:
    """Generate; the requests to each generator of the pool in this run."""
    with run.open_run(load(file)) as (plan, context):
        run.collect(context)
        run.generate(plan, context)
        found = context.store.rows("SELECT stage, calls FROM stage_runs WHERE run = $run AND calls > 0", run=context.run)
    return {row["stage"].removeprefix("generate "): row["calls"] for row in found}


def by_generator(file: Path) -> dict[str, set[str]]:
    """The prompts that each generator has answered."""
    found: dict[str, set[str]] = {}
    for row in rows(file, "SELECT DISTINCT generator, prompt FROM responses_readable_all WHERE failure IS NULL"):
        found.setdefault(row["generator"], set()).add(row["prompt"])
    return found


def test_each_prompt_is_answered_by_as_many_generators_as_are_picked(tmp_path: Path) -> None:
    file = write(tmp_path, THREE, prompts=300)
    with run.open_run(load(file)) as (plan, context):
        planned = {line.stage.removeprefix("generate "): line.requests for line in estimate(plan, context).lines}
    assert sample(file) == planned
    answered = by_generator(file)
    assert set(Counter(prompt for prompts in answered.values() for prompt in prompts).values()) == {2}
    assert all(170 <= len(prompts) <= 230 for prompts in answered.values()), "two thirds of 300 each"
    assert sample(file) == {}


def changed(**entry: Any) -> list[dict[str, Any]]:
    return [{**each, **(entry if each["model"] == "small" else {})} for each in THREE["generators"]]


@pytest.mark.parametrize(
    ("generators", "asked"),
    [
        pytest.param([*changed(), {"model": "huge"}], {"huge"}, id="one more"),
        pytest.param(changed()[1:], {"middle", "large"}, id="one less"),
        pytest.param(changed(temperature=0.5), {"small"}, id="another setting"),
        pytest.param(changed()[::-1], set(), id="another order"),
    ],
)
def test_a_changed_pool_samples_only_new_responses(
    generators: list[dict[str, Any]], asked: set[str], tmp_path: Path
) -> None:
    file = write(tmp_path, THREE)
    sample(file)
    before = by_generator(file)
    requests = sample(write(tmp_path, THREE | {"generators": generators}))
    assert set(requests) == asked
    after = by_generator(file)
    assert all(before[name] <= after[name] for name in before), "responses of a removed generator stay"
    if "small" not in [each["model"] for each in generators]:
        assert sum(requests.values()) == len(before["small"]), "each of its prompts gets one other generator"
    assert sample(write(tmp_path, THREE)) == {}, "the earlier pool is up to date at once"


def test_a_removed_generator_stays_in_the_report_and_not_in_new_pairs(tmp_path: Path) -> None:
    go(write(tmp_path, TWO, JUDGED + PAIRED, prompts=20))
    both = {"small", "large"}
    assert {
        row["g"] for row in rows(tmp_path / "pool.yaml", "SELECT DISTINCT chosen_generator AS g FROM pairs_readable")
    } == both
    file = write(tmp_path, {"model": "large", "samples": 3}, JUDGED + PAIRED)
    go(file, report=True)
    page = (tmp_path / "runs/pool/report.html").read_text()
    assert all(f"by {name}" in page for name in both)
    assert "Responses by generator" in page
    sides = "SELECT DISTINCT unnest([chosen_generator, rejected_generator]) AS g FROM pairs_readable WHERE newest"
    assert {row["g"] for row in rows(file, sides)} == {"large"}


def test_a_text_that_two_generators_write_is_judged_once(tmp_path: Path) -> None:
    same = {"samples": 1, "generators": [{"model": "small"}, {"model": "small", "name": "twin", "max_tokens": 512}]}
    file = write(tmp_path, same, JUDGED + "pair: {min_margin: 1}\n", prompts=30)
    assert go(file) == {"generate small": 30, "generate twin": 30, "judge a": 30}


def test_more_samples_for_a_target_come_from_the_generators_that_a_prompt_has(tmp_path: Path) -> None:
    file = write(tmp_path, THREE, JUDGED + "pair: {min_margin: 30, target: 25, max_samples: 6}\n", prompts=30)
    go(file)
    assert rows(file, "SELECT count(*) AS n FROM extra_samples")[0]["n"] > 0
    per_prompt = "SELECT count(DISTINCT generator) AS n FROM responses GROUP BY prompt"
    assert {row["n"] for row in rows(file, per_prompt)} == {2}
    assert go(file) == {}


def test_the_stronger_generator_is_chosen_without_a_judge(tmp_path: Path) -> None:
    file = write(tmp_path, TWO | {"samples": 2}, DELTA, prompts=20)
    assert go(file, "pair.per_prompt=2") == {"generate small": 20, "generate large": 20}
    pairs = rows(file, "FROM pairs_readable WHERE newest")
    assert {(row["chosen_generator"], row["rejected_generator"]) for row in pairs} == {("large", "small")}
    assert len(pairs) == len({row["chosen_response"] for row in pairs}) == 40
    assert {(row["judge"], row["margin"], row["confidence"]) for row in pairs} == {("no judge", None, None)}
    exported = (tmp_path / "runs/pool/pairs/preference/train.jsonl").read_text().splitlines()
    assert 0 < len(exported) < 40, "held-out prompts are in a separate file"
    assert "without a judge" in (tmp_path / "runs/pool/pairs/preference/README.md").read_text()
    assert go(file, "pair.per_prompt=2") == {}
    swapped = [{"model": "small", "name": "large"}, {"model": "large", "name": "small"}]
    assert go(write(tmp_path, TWO | {"samples": 2, "generators": swapped}, DELTA), "pair.per_prompt=2") == {}
    turned = rows(file, "FROM pairs_readable WHERE newest")
    assert {(row["chosen_response"], row["rejected_response"]) for row in turned} == {
        (row["rejected_response"], row["chosen_response"]) for row in pairs
    }


def test_a_judge_that_only_evaluates_scores_nothing_for_pairs_without_a_judge(tmp_path: Path) -> None:
    assert set(go(write(tmp_path, TWO, JUDGED + DELTA, prompts=5))) == {"generate small", "generate large"}


def test_each_prompt_gets_one_system_prompt_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "personas.txt").write_text("Be brief.\n\nBe kind.\nBe exact.\n")
    (tmp_path / "personas.jsonl").write_text('{"persona": "Be a pirate."}\n{"persona": "Be a bard."}\n')
    generators = [
        {"model": "small"},
        {"model": "middle"},
        {"model": "large", "system": {"file": "personas.jsonl", "column": "persona"}},
    ]
    file = write(tmp_path, {"samples": 1, "system": {"file": "personas.txt"}, "generators": generators}, prompts=30)
    sample(file)
    seen: dict[str, dict[str, str]] = {}
    for row in rows(file, "SELECT name, prompt, messages FROM rendered_prompts JOIN generators ON key = generator"):
        first, *_ = json.loads(row["messages"])
        assert first["role"] == "system"
        seen.setdefault(row["name"], {})[row["prompt"]] = first["content"]
    assert seen["small"] == seen["middle"], "the same seed gives a prompt the same persona"
    assert set(seen["small"].values()) == {"Be brief.", "Be kind.", "Be exact."}
    assert set(seen["large"].values()) == {"Be a pirate.", "Be a bard."}
    (tmp_path / "personas.jsonl").write_text('{"persona": "Be a pirate."}\n')
    assert sample(file) == {"large": 30}


ROW = {
    "prompt": "Hi?",
    "answers": ["a", "b"],
    "one": "a",
    "two": "b",
    "models": ["x", None],
    "m1": "x",
    "m2": "",
    "all": "x",
}
LISTED = "columns: {responses: answers, generators: %s}"
SIDES = "columns: {generators: [m1, m2]}, preferences: {judge: j, chosen: one, rejected: two}"


@pytest.mark.parametrize(
    ("source", "names"),
    [
        pytest.param(LISTED % "models", {"a": "x", "b": "imported"}, id="a list"),
        pytest.param(LISTED % "all", {"a": "x", "b": "x"}, id="one for all"),
        pytest.param(
            "columns: {responses: [one, two], generators: [m1, m2]}, generator: rest", {"a": "x", "b": "rest"}, id="columns"
        ),
        pytest.param(SIDES, {"a": "x", "b": "imported"}, id="chosen and rejected"),
        pytest.param("query: read.sql", {"a": "x", "b": "imported"}, id="a query"),
    ],
)
def test_imported_responses_keep_the_names_of_their_generators(source: str, names: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(json.dumps(ROW) + "\n")
    (tmp_path / "read.sql").write_text("SELECT prompt, answers AS responses, models AS generators FROM source")
    file = tmp_path / "pool.yaml"
    file.write_text(f"name: pool\ncollect: {{sources: [{{path: rows.jsonl, {source}}}]}}\n")
    with run.open_run(load(file)) as (plan, context):
        run.collect(context)
        found = context.store.rows("SELECT text, generator FROM responses_readable")
        assert {row["text"]: row["generator"] for row in found} == names
        assert set(plan.generator_names(context.store).values()) == set(names.values())


def test_imported_and_sampled_responses_of_one_name_are_paired_alike(tmp_path: Path) -> None:
    """The strong model's responses came with the data, and the weak model samples here."""
    add(tmp_path, range(6))
    lines = (tmp_path / "prompts.jsonl").read_text().splitlines()
    given = [json.loads(line) | {"text": f"Given {place}.", "model": "large"} for place, line in enumerate(lines)]
    (tmp_path / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in given))
    file = write(tmp_path, {"model": "small", "samples": 1}, DELTA)
    file.write_text(file.read_text().replace("document: document", "document: document, responses: text, generators: model"))
    assert go(file) == {"generate": 6}
    pairs = rows(file, "FROM pairs_readable WHERE newest")
    assert sorted(row["chosen"] for row in pairs) == [f"Given {place}." for place in range(6)]
    assert {row["rejected_generator"] for row in pairs} == {"small"}


TRAINED = "models: {tiny: {kind: transformers, path: rlaif/demo/writer}}"
POOL = "generate: {generators: [{model: small}, {model: large}]}\n"
STRONGER = POOL + "pair: {strategy: stronger_vs_weaker, options: {strong: %s, weak: %s}}"
MISTAKES = {
    "generate: {}": "give `model`, or several `generators`",
    "generate: {model: small, pick: 1}": "`pick` needs `generators`",
    "generate: {pick: 2, generators: [{model: small}]}": "`pick` is 2, and there are only 1 generators",
    "generate: {generators: [{model: small}, {model: small}]}": "2 generators are called 'small': give each its own `name`",
    "generate: {generators: [{model: small}, {name: x}]}": "names no `model`",
    "generate: {generators: [{model: smal}]}": "no model is called 'smal'",
    "generate: {generators: [{model: small}, {model: small, name: twin}]}": "'small' and 'twin' are one generator",
    POOL + "train: {}\npair: {judge: a}\n" + JUDGED: "Name a model under `train.model`, such as one of small, large",
    POOL + "evaluate: {models: [huge]}": "Name its model under `evaluate.base`, such as one of small, large",
    STRONGER % ("large", "smal"): "Did you mean 'small'",
    STRONGER % ("small", "small"): "named twice",
    (STRONGER % ("large", "small")).replace("pair: {", "pair: {min_margin: 5, "): "uses no scores",
    "generate: {model: small, system: {file: empty.txt}}": "empty.txt holds no system prompts",
}


@pytest.mark.parametrize("section", MISTAKES)
def test_a_mistake_is_reported_before_anything_is_sampled(section: str, tmp_path: Path) -> None:
    file = write(tmp_path, TWO, prompts=2)
    (tmp_path / "empty.txt").write_text("\n \n")
    file.write_text(MODELS + section)
    with pytest.raises(InputError) as error:
        check(file)
    assert MISTAKES[section] in str(error.value)


def check(file: Path) -> None:
    with run.open_run(load(file)) as (plan, context):
        run.check(plan)
        run.collect(context)
        run.check_pairs(plan, context)


def test_the_policy_of_a_pool_has_the_settings_of_its_generator(tmp_path: Path) -> None:
    pool = {"temperature": 0.7, "generators": [{"model": "small", "temperature": 0.2}, {"model": "large"}]}
    settings = {}
    for model in ("small", "huge"):
        file = write(tmp_path, pool, f"evaluate: {{base: {model}, models: [middle]}}")
        policy = run.resolve(load(file)).policy
        settings[policy.name] = policy.settings.temperature
    assert settings == {"small": 0.2, "huge": 0.7}


def test_a_round_replaces_the_policy_of_the_pool_and_keeps_the_assignment_of_prompts(tmp_path: Path) -> None:
    tiny = "  tiny: {kind: transformers, path: tiny}\n"
    rest = "pair: {strategy: stronger_vs_weaker, options: {strong: large, weak: tiny}}\ntrain: {model: tiny}\nrounds: 2\n"
    file = write(tmp_path, {"pick": 1, "generators": [{"model": "large"}, {"model": "tiny"}]}, rest)
    file.write_text(file.read_text().replace("  small:", f"{tiny}  small:"))
    config = load(file)
    assert config.pipeline.rounds
    first, second = (as_round(config, config.pipeline.rounds, *each) for each in ((1, None), (2, tmp_path / "trained")))
    assert [each.label for each in generators_of(first)] == ["large", "tiny"]
    assert [each.label for each in generators_of(second)] == ["large", "tiny, round 2"]
    model = second.pipeline.models[str(generators_of(second)[1].model)]
    assert isinstance(model, TransformersModel)
    assert model.path == str(tmp_path / "trained")
    assert second.pipeline.train
    assert second.pipeline.train.model == generators_of(second)[1].model


def generators_of(config: Config) -> list[GeneratorSettings]:
    assert config.pipeline.generate
    return config.pipeline.generate.pool

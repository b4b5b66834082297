"""What a user can get wrong: told with the place and the way out, exit code 2, and nothing lost."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif import pipeline
from rlaif.config import load
from rlaif.core.errors import InputError
from tests.support.command_line import rlaif
from tests.support.paths import ROOT
from tests.support.scripted_pipeline import go, project, rows

# A file, what to replace in it, by what; and what the message must say.
MISTAKES = {
    "a missing prompt file": (
        "loop.yaml",
        "prompts.jsonl",
        "promts.jsonl",
        ["loop.yaml:12", "promts.jsonl", "prompts.jsonl"],
    ),
    "an unknown column": (
        "loop.yaml",
        "prompt: prompt",
        "prompt: promt",
        ["loop.yaml:12", "'promt'", "Did you mean 'prompt'?"],
    ),
    "an unknown key": ("loop.yaml", "samples: 3", "sampels: 3", ["loop.yaml:14", "unknown key 'sampels'", "'samples'"]),
    "an unknown section": ("loop.yaml", "pair:", "pear:", ["loop.yaml:16", "unknown key 'pear'", "'pair'"]),
    "an unknown strategy": (
        "loop.yaml",
        "min_margin: 2",
        "strategy: best",
        ["loop.yaml:16", "no strategy is called 'best'"],
    ),
    "an unknown model": (
        "loop.yaml",
        "model: writer",
        "model: riter",
        ["loop.yaml:14", "'riter'", "Did you mean 'writer'?"],
    ),
    "an unknown judge": ("loop.yaml", "by: [a]", "by: [c]", ["loop.yaml:15", "no judge is called 'c'"]),
    "an unknown judge of pairs": (
        "loop.yaml",
        "pair: {judge: a",
        "pair: {judge: aa",
        ["loop.yaml:16 pair.judge: no judge is called 'aa'", "Did you mean 'a'?"],
    ),
    "an unknown judge of several": (
        "loop.yaml",
        "pair: {judge: a",
        "pair: {judge: [a,\n  aa]",
        ["loop.yaml:17 pair.judge.1: no judge is called 'aa'"],
    ),
    "an unknown judge beside": (
        "loop.yaml",
        "pair: {judge: a",
        "pair: {agree: [b, aa], judge: a",
        ["loop.yaml:16 pair.agree.1: no judge is called 'aa'"],
    ),
    "a judge that is a number": (
        "loop.yaml",
        "pair: {judge: a",
        "pair: {judge: 3",
        ["loop.yaml:16 pair.judge: input should be"],
    ),
    "an unknown criterion of pairs": (
        "loop.yaml",
        "pair: {judge: a",
        "pair: {weights: {useful: 2}, judge: a",
        ["loop.yaml:16", "no criterion is called 'useful'"],
    ),
    "an unknown generator of pairs": (
        "loop.yaml",
        "min_margin: 2",
        "strategy: own_vs_other, options: {generator: riter}",
        ["loop.yaml:16", "no generator is called 'riter'", "Did you mean 'writer'?"],
    ),
    "a generator against nobody": (
        "loop.yaml",
        "min_margin: 2",
        "strategy: own_vs_other, options: {generator: writer}",
        ["loop.yaml:16", "generator with responses to pair"],
    ),
    "pairs by checks that nobody makes": (
        "loop.yaml",
        "min_margin: 2",
        "strategy: checks_alone",
        ["loop.yaml:16", "a criterion of kind `check`, and a has none"],
    ),
    "an unknown judge of the gate": (
        "loop.yaml",
        "pair: {judge: a",
        "gate: {gold: aa}\npair: {judge: a",
        ["loop.yaml:16 gate.gold: no judge is called 'aa'", "Did you mean 'a'?"],
    ),
    "a gate by the judge that makes the pairs": (
        "loop.yaml",
        "pair: {judge: a",
        "gate: {gold: b}\npair: {judge: [a, b]",
        ["loop.yaml:16 gate.gold: 'b' makes the pairs"],
    ),
    "an unknown option of TRL": (
        "loop.yaml",
        "pair: {judge: a",
        "train: {options: {lerning_rate: 1}}\npair: {judge: a",
        ["loop.yaml:16 train.options.lerning_rate: DPOConfig has no option", "Did you mean 'learning_rate'?"],
    ),
    "an unknown option of PEFT": (
        "loop.yaml",
        "pair: {judge: a",
        "train: {peft: {\n  lora_alfa: 1}}\npair: {judge: a",
        ["loop.yaml:17 train.peft.lora_alfa: LoraConfig has no option", "Did you mean 'lora_alpha'?"],
    ),
    "an unknown option of a reward that is fitted": (
        "loop.yaml",
        "pair: {judge: a",
        "train: {method: rloo, rewards: [{fit: {epochs: 1}}]}\npair: {judge: a",
        ["loop.yaml:16 train.rewards.0.fit.epochs: RewardConfig has no option 'epochs'"],
    ),
    "a training on pairs that nothing makes": (
        "loop.yaml",
        "pair: {judge: a, min_margin: 2}",
        "train: {method: dpo}",
        ["loop.yaml:16 train: dpo trains on pairs, and no `pair` section makes any"],
    ),
    "an unknown kind of model": (
        "loop.yaml",
        "{kind: scripted, salt: w",
        "{kind: magic, salt: w",
        ["loop.yaml:5", "scripted"],
    ),
    "a misspelled kind of model": (
        "loop.yaml",
        "{kind: scripted, salt: w",
        "{kind: scriptd, salt: w",
        ["loop.yaml:5 models.writer: unknown kind 'scriptd'", "Did you mean 'scripted'?"],
    ),
    "a misspelled choice": (
        "loop.yaml",
        "calls: apart}",
        "calls: appart}",
        ["loop.yaml:9 judges.a.calls: input should be 'together' or 'apart'", "Did you mean 'apart'?"],
    ),
    "a misspelled key that is required": (
        "loop.yaml",
        "b: {model: second, rubric",
        "b: {model: second, rubrik",
        ["loop.yaml:10 judges.b.rubrik: unknown key 'rubrik'", "Did you mean 'rubric'?"],
    ),
    "a misspelled measure of the gate": (
        "loop.yaml",
        "pair: {judge: a",
        "gate: {least: {acuracy: 0.5}}\npair: {judge: a",
        ["loop.yaml:16 gate.least.acuracy: input should be", "Did you mean 'accuracy'?"],
    ),
    "a model path that does not exist": (
        "loop.yaml",
        "{kind: scripted, salt: w, delay: 0.0}",
        "{kind: transformers, path: ./no/such/model}",
        ["loop.yaml:5", "no/such/model"],
    ),
    "a key in the open": (
        "loop.yaml",
        "{kind: scripted, salt: w, delay: 0.0}",
        "{kind: openai, model: m, api_key: sk-123456}",
        ["loop.yaml:5", "env:OPENAI_API_KEY"],
    ),
    "a missing rubric": (
        "loop.yaml",
        "rubric: rubric.yaml, logprobs",
        "rubric: rubrik.yaml, logprobs",
        ["loop.yaml:9", "rubrik.yaml"],
    ),
    "YAML that is none": ("loop.yaml", "pair: {judge", "pair: {judge: [", ["loop.yaml:1", "not YAML"]),
    "a key given twice": ("loop.yaml", "judge: {by: [a]}", "pair: {judge: a}", ["loop.yaml:16", "given twice"]),
    "a rubric without criteria": ("rubric.yaml", "criteria:", "criteria: []\nx:", ["rubric.yaml", "criteria"]),
    "weights that sum to zero": ("rubric.yaml", "weight: 1", "weight: 0", ["rubric.yaml", "weights sum to zero"]),
    "a floor outside the scale": ("rubric.yaml", "floor: 2", "floor: 7", ["rubric.yaml", "floor 7 is outside 1 to 5"]),
    "a level outside the scale": (
        "rubric.yaml",
        "      5: It does exactly",
        "      6: It does exactly",
        ["rubric.yaml", "level 6"],
    ),
    "a criterion given twice": (
        "rubric.yaml",
        "name: completeness",
        "name: faithfulness",
        ["'faithfulness' is given twice"],
    ),
    "a line that is no JSON": (
        "prompts.jsonl",
        '{"prompt": "Sum up report 2.',
        '{"prompt": Sum up report 2.',
        ["prompts.jsonl:3"],
    ),
    "no prompts at all": ("prompts.jsonl", None, "", ["loop.yaml:12", "hold no prompts"]),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_reported_with_its_place_and_a_fix(name: str, tmp_path: Path) -> None:
    file = project(tmp_path, prompts=3)
    target, old, new, said = MISTAKES[name]
    text = (tmp_path / target).read_text()
    assert old is None or old in text
    (tmp_path / target).write_text(new if old is None else text.replace(old, new))
    with pytest.raises(InputError) as caught:
        go_checked(file)
    assert caught.value.exit_code == 2
    for words in said:
        assert words in str(caught.value)


def go_checked(file: Path) -> None:
    pipeline.check(pipeline.resolve(load(file)))
    go(file)


@pytest.mark.parametrize("gold", ["aa", "a"])
def test_a_wrong_gold_of_the_gate_is_reported_before_the_first_request(gold: str, tmp_path: Path) -> None:
    file = project(tmp_path, prompts=3)
    with pytest.raises(InputError, match=f"{gold!r}"):
        go(file, f"gate={{gold: {gold}}}")
    assert rows(file, "SELECT count(*) AS n FROM responses") == [{"n": 0}]


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("{judge: [a, twin]}", "pair.judge: 'a' and 'twin' are one judge"),
        ("{judge: a, agree: [b, twin]}", "pair.agree.1: 'a' and 'twin' are one judge"),
        ("{judge: b, agree: [twin, a]}", "pair.agree.1: 'twin' and 'a' are one judge"),
        ("{agree: [a]}", "pair.agree.0: 'a' is named twice"),
    ],
)
def test_one_judge_with_two_names_is_reported_before_the_first_request(section: str, said: str, tmp_path: Path) -> None:
    file = project(tmp_path, prompts=3)
    text = file.read_text().replace(
        "  b: {", "  twin: {model: first, rubric: rubric.yaml, logprobs: true, calls: apart}\n  b: {"
    )
    file.write_text(re.sub("pair: .*", f"pair: {section}", text))
    with pytest.raises(InputError, match=said):
        go(file)
    assert rows(file, "SELECT count(*) AS n FROM responses") == [{"n": 0}]


def test_two_judges_of_one_model_may_make_pairs_where_each_has_criteria_of_its_own(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=3)
    (tmp_path / "brief.yaml").write_text(
        "name: brief\ncriteria: [{name: brevity, question: Is it brief, low: 1, high: 5, levels: {1: 'no', 5: 'yes'}}]"
    )
    text = file.read_text().replace(
        "  b: {", "  brief: {model: first, rubric: brief.yaml, logprobs: true, calls: apart}\n  b: {"
    )
    file.write_text(re.sub("pair: .*", "pair: {judge: [a, brief]}", text).replace("by: [a]", "by: [a, brief]"))
    go(file)
    assert rows(file, "SELECT count(*) > 0 AS some FROM pairs") == [{"some": True}]


def test_a_mistake_prints_no_traceback_exits_with_2_and_loses_nothing(tmp_path: Path) -> None:
    file = project(tmp_path)
    go(file)
    before = rows(file, "SELECT count(*) AS n FROM scores")
    file.write_text(file.read_text().replace("samples: 3", "sampels: 3"))
    done = rlaif("run", str(file))
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith(f"rlaif: {file}:14 generate.sampels: unknown key 'sampels'")
    file.write_text(file.read_text().replace("sampels: 3", "samples: 3"))
    assert rows(file, "SELECT count(*) AS n FROM scores") == before


@pytest.mark.fault("P4")
def test_a_store_in_use_is_reported_with_its_process(tmp_path: Path) -> None:
    file = project(tmp_path)
    with pipeline.open_run(load(file)):
        command = [sys.executable, "-m", "rlaif", "retry", str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 5
    assert "in use by process" in done.stderr


def test_status_before_any_run_reports_an_empty_store(tmp_path: Path) -> None:
    done = rlaif("status", str(project(tmp_path)))
    assert done.returncode == 2
    assert "nothing has been done yet" in done.stderr


def test_an_override_sets_one_value_and_a_wrong_one_is_reported(tmp_path: Path) -> None:
    file = project(tmp_path)
    config = load(file, ["generate.samples=7", "pair.min_margin=1e1", "collect.sources.0.limit=5", "judge.by=[b]"])
    assert config.pipeline.generate
    assert config.pipeline.generate.samples == 7
    assert config.pipeline.pair
    assert config.pipeline.pair.min_margin == 10
    assert config.pipeline.collect.sources[0].limit == 5
    assert config.judges == ["b"]
    for wrong, said in [
        ("samples", "not an override"),
        ("generate.sampels=7", "Did you mean 'samples'?"),
        ("generate.samples=many", "generate.samples"),
        ("models.writr.salt=x", "Did you mean 'writer'?"),
        ("train={method: grpo, rewards: [{judge:a}]}", "train.rewards.0.judge:a: unknown key"),
        ("name.x=1", "not a section"),
    ]:
        with pytest.raises(InputError) as caught:
            load(file, [wrong])
        assert said in str(caught.value)


def test_the_schema_names_every_section_and_describes_every_key(tmp_path: Path) -> None:
    schema = json.loads(rlaif("schema").stdout)
    assert set(schema["properties"]) >= {"models", "judges", "collect", "generate", "judge", "pair", "train", "evaluate"}
    assert "hundredths of the scale" in json.dumps(schema)


def test_numbers_that_people_write_are_numbers(tmp_path: Path) -> None:
    file = project(tmp_path)
    file.write_text(file.read_text() + "train: {options: {learning_rate: 5e-6, beta: 1.0e-1, steps: 10}}\n")
    train = load(file).pipeline.train
    assert train
    assert train.options == {"learning_rate": 5e-6, "beta": 0.1, "steps": 10}


@given(st.text())
def test_any_override_is_accepted_or_reported(text: str) -> None:
    file = ROOT / "pipelines/quickstart.yaml"
    try:
        load(file, [text])
    except InputError as error:
        assert str(error)


def test_sql_that_would_change_the_store_is_reported_as_read_only(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=3)
    go(file)
    for statement in ("DELETE FROM scores", "CREATE TABLE x AS SELECT 1", "COPY scores TO 'x.csv'"):
        done = rlaif("sql", str(file), statement)
        assert done.returncode == 2
        assert f"the store is read only here, and {statement.split()[0]} is not a query" in done.stderr
    done = rlaif("audit", str(file), "--judge", "bb")
    assert "no judge is called 'bb'" in done.stderr
    # It is reported before responses to held-out prompts are sampled.
    assert rows(file, "SELECT count(*) AS n FROM responses") == [{"n": 9}]


@pytest.mark.parametrize(
    ("verb", "code", "said"),
    [
        ("report", 2, "nothing has been done yet"),
        ("export", 2, "nothing has been done yet"),
        ("train", 2, "nothing to train"),
    ],
)
def test_a_command_without_pending_work_reports_it(verb: str, code: int, said: str, tmp_path: Path) -> None:
    file = project(tmp_path, prompts=3)
    file.write_text(re.sub(r"^train:.*\n", "", file.read_text(), flags=re.MULTILINE))
    done = rlaif(verb, str(file), *([str(tmp_path / "exported")] if verb == "export" else []))
    assert (done.returncode, said in done.stderr) == (code, True)
    assert verb == "train" or not (tmp_path / "out/store.duckdb").exists()

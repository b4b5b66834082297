"""The card: what the Hub reads, what people read, and nothing that a data set could smuggle into either."""

import json
import re
from pathlib import Path

import pytest

from rlaif import pipeline
from rlaif.config import load
from rlaif.data.export import export
from rlaif.data.export.dataset_card import block, escape
from rlaif.store.store import Store
from tests.support import report_store
from tests.support.displays import RecordedNotes
from tests.support.scripted_pipeline import go, project


def test_the_hub_library_and_datasets_read_the_card(tmp_path: Path) -> None:
    from datasets import load_dataset
    from huggingface_hub import DatasetCard

    file = project(tmp_path)
    go(file)
    with pipeline.open_run(load(file)) as (plan, context):
        done = pipeline.export(plan, context, tmp_path / "data", ["parquet"])
    read = DatasetCard.load(done.folder / "README.md")
    assert read.data.size_categories == ["n<1K"]
    assert read.data.license == "unknown"
    assert read.data.task_categories == ["text-generation"]
    assert read.data.language == ["en"]
    assert {"preference", "dpo", "synthetic", "rlaif"} <= set(read.data.tags)
    found = load_dataset(str(done.folder), cache_dir=str(tmp_path / "cache"))
    assert {split: len(rows) for split, rows in found.items()} == {split: n for split, n in done.rows.items() if n}
    assert found["train"].column_names[:3] == ["prompt", "chosen", "rejected"]


def test_the_card_says_how_the_data_came_about(tmp_path: Path) -> None:
    file = project(tmp_path)
    go(file, "pair.min_margin=30")
    text = (tmp_path / "out/pairs/preference/README.md").read_text()
    assert f"rlaif run {file} --set pair.min_margin=30\n" in text
    assert f"rlaif export {file} {tmp_path}/out/pairs --form preference" in text
    assert "Is every statement" in text, "the rubric's own words"
    with Store(tmp_path / "out/store.duckdb", read_only=True) as store:
        outcomes = store.rows("SELECT outcome, count(*) AS n FROM outcomes WHERE response IS NULL GROUP BY outcome")
    assert {f"| prompts | {row['outcome']} | {row['n']} |" for row in outcomes} <= set(text.splitlines())
    assert re.search(r"the chosen one is longer in \d+ pairs", text)
    assert "min_margin: 30.0" in text


def test_the_card_shows_a_row_its_columns_and_the_judges_figures_before_hashes_and_settings(tmp_path: Path) -> None:
    file = project(tmp_path)
    go(file)
    with pipeline.open_run(load(file)) as (plan, context):
        done = pipeline.export(plan, context, tmp_path / "data", ["jsonl"], audit=True, address="you/notes")
    text = (done.folder / "README.md").read_text()
    assert 'load_dataset("you/notes")' in text
    row = json.loads(re.findall(r"```json\n(.*?)```", text, re.DOTALL)[0])
    first = json.loads((done.folder / "train.jsonl").read_text().splitlines()[0])
    assert row["pair_id"] == first["pair_id"]
    assert set(re.findall(r"(?m)^\| `(\w+)` \| \S", text)) == set(first)
    assert re.search(r"(?m)^\| a \| prefers the longer response \| [\d.]+ %", text)
    parts = [
        "## Use",
        "## One row",
        "## Columns",
        "## How good",
        "## Known biases",
        "## Licence",
        "## Reproduction",
        "Pairing ",
    ]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    assert str(tmp_path) not in first["source"]


def test_pairs_of_another_configuration_are_reported_and_have_the_card_of_their_run(tmp_path: Path) -> None:
    file, noted = project(tmp_path), RecordedNotes()
    go(file, "pair.strategy=best_vs_second")
    with pipeline.open_run(load(file), noted) as (plan, context):
        done = pipeline.export(plan, context, tmp_path / "data", ["jsonl"], pairing=pipeline.newest(context))
    assert [line for line in noted.lines if line.startswith("The newest pairs")] == [
        "The newest pairs: by a, best_vs_second."
    ]
    text = (done.folder / "README.md").read_text()
    assert f"rlaif run {file} --set pair.strategy=best_vs_second\nrlaif export {file} {tmp_path}/data" in text
    assert "\n  strategy: best_vs_second\n" in text.partition("## Pipeline")[2]


def test_pairs_that_the_file_makes_are_exported_without_a_note(tmp_path: Path) -> None:
    file, noted = project(tmp_path, prompts=5), RecordedNotes()
    go(file)
    with pipeline.open_run(load(file, ["models.writer.delay=0.001"]), noted) as (plan, context):
        pipeline.export(plan, context, tmp_path / "data", ["jsonl"])
    assert not any(line.startswith("The newest pairs") for line in noted.lines)


def test_the_card_of_imported_answers_and_votes_states_that_no_judge_scored_them(tmp_path: Path) -> None:
    row = {"q": "Which?", "a": "this", "b": "that", "vote": 1}
    (tmp_path / "votes.jsonl").write_text(json.dumps(row) + "\n")
    votes = "{judge: people, column: vote, pairs: [[1, 2]], first: 1, second: 2}"
    source = f"{{path: votes.jsonl, columns: {{prompt: q, responses: [a, b]}}, preferences: {votes}}}"
    (tmp_path / "votes.yaml").write_text(
        f"name: votes\nout: {tmp_path / 'out'}\ncollect: {{sources: [{source}], held_out: 0}}\npair: {{judge: people}}\n"
    )
    go(tmp_path / "votes.yaml")
    text = (tmp_path / "out/pairs/preference/README.md").read_text()
    made = "built pairs of responses that came with the data from labels that came with the data."
    assert made in " ".join(text.split())


def test_the_card_names_the_agreeing_judges(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=5)
    go(file, "judge.by=[a, b]", "pair.agree=[b]")
    text = (tmp_path / "out/pairs/preference/README.md").read_text()
    assert "\njudge a, with" in text
    assert "\njudge asked to agree b, with" in text


def test_a_data_set_without_pairs_has_a_card_that_says_so(tmp_path: Path) -> None:
    file = project(tmp_path)
    go(file, "pair.min_margin=100")
    folder = tmp_path / "out/pairs/preference"
    assert [path.name for path in folder.iterdir()] == ["README.md"]
    assert "| train | 0 |" in (folder / "README.md").read_text()


@pytest.mark.parametrize(
    "value", [report_store.HOSTILE, "a | b\n# c", "[x](javascript:y)", "![i](http://h)", "~~~ `x` $y$", "---"]
)
def test_a_name_is_shown_exactly_and_on_one_line(value: str) -> None:
    shown = escape(value)
    assert "\n" not in shown
    assert not re.search(r"(?<!\\)[`*_{}\[\]()<>#+!|~&$-]", shown)
    assert "\u202e" not in shown


@pytest.mark.parametrize("value", ["```\n# out", "````` five", "plain", "```x\n```"])
def test_a_fenced_block_cannot_be_closed_from_inside(value: str) -> None:
    first, *inside, last = block(value).splitlines()
    assert first == last
    assert "\n".join(inside) == value
    assert not any(line.startswith(first) for line in inside)


def test_hostile_names_reach_no_markup_and_no_secret_reaches_the_card(tmp_path: Path) -> None:
    with Store(tmp_path / "store.duckdb") as store:
        report_store.fill(store, hostile=True)
        spec = json.dumps({"judge": "j-tiny", "generators": ["g"], "strategy": "`best`<b>", "settings": {"x": "```\n# hi"}})
        store.run("UPDATE pairings SET spec = $spec", spec=spec)
        done = export(store, "p", tmp_path, held_out=0.2, pipeline=report_store.pipeline(), command="rlaif run x.yaml")
    text = (done.folder / "README.md").read_text()
    outside = re.sub(r"(?ms)^(`{3,})\n.*?\n\1$", "", text)
    assert "<script>" not in outside
    assert "\n# hi" not in outside
    assert not any(secret in text for secret in ("hunter2", "tiger3", "hf_planted"))
    assert "\u202e" not in text

"""Given pairs, expected data sets: forms, files, splits, and the card beside them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rlaif.core.errors import InputError
from rlaif.data.export import FORMS, Exported, export, tables
from rlaif.data.export.meanings import COLUMNS
from rlaif.store.store import Store
from tests.support.pairings import TABLE, made, many
from tests.support.scripted_pipeline import go, project
from tests.support.stores import GENERATOR, JUDGE, append_criteria, context, criteria, fill, make_pairs, prompt


def exported(
    folder: Path, form: str, table: dict[str, Any] = TABLE, **options: Any
) -> tuple[list[dict[str, Any]], Exported]:
    """The rows of a form as JSONL, and what the export says of itself."""
    with Store(folder / "store.duckdb") as store:
        done = export(store, made(store, folder, table, **options), folder, held_out=0, form=form)
    text = (done.folder / "train.jsonl").read_text() if done.rows["train"] else ""
    return [json.loads(line) for line in text.splitlines()], done


def asked(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


WHOLE = {"one": ("good", "bad", 100.0), "two": ("yes", "no", 50.0)}
EXPECTED: dict[str, list[dict[str, Any]]] = {
    "preference": [
        {"prompt": asked(name), "chosen": said(chosen), "rejected": said(rejected), "margin": margin, "confidence": None}
        for name, (chosen, rejected, margin) in WHOLE.items()
    ],
    "unpaired": [
        {"prompt": asked(name), "completion": said(text), "label": label}
        for name, (chosen, rejected, _) in WHOLE.items()
        for text, label in ((chosen, True), (rejected, False))
    ],
    "reward": [
        {"chosen": asked(name) + said(chosen), "rejected": asked(name) + said(rejected), "margin": margin / 100}
        for name, (chosen, rejected, margin) in WHOLE.items()
    ],
    "sft": [{"prompt": asked(name), "completion": said(chosen)} for name, (chosen, _, _) in WHOLE.items()],
}


@pytest.mark.parametrize("form", EXPECTED)
def test_a_form_has_the_columns_that_its_trainer_reads(form: str, tmp_path: Path) -> None:
    rows, done = exported(tmp_path, form)
    assert [{name: row[name] for name in expected} for row, expected in zip(rows, EXPECTED[form], strict=True)] == EXPECTED[
        form
    ]
    assert all(row["prompt_id"] == prompt(row["prompt"][0]["content"]).key for row in rows if "prompt" in row)
    assert done.left_out == {}


def described(store: Store) -> None:
    """Give the rows of TABLE a source, metadata, names and rationales."""
    store.run("""
        UPDATE prompts SET source = 'p.jsonl:' || position, metadata = json_object('topic', 'depot', 'level', position, 'A b', NULL);
        UPDATE scores SET rationale = 'because of ' || value::INTEGER;
        INSERT INTO generators VALUES ('generator', 'small', '{}');
        INSERT INTO judges VALUES ('judge', 'critic', '{}')
    """)
    append_criteria(store, {"help": (1, 5)})


SIDES = {
    "score_chosen": 100.0,
    "score_rejected": 0.0,
    "criterion_scores_chosen": {"help": 5.0},
    "criterion_scores_rejected": {"help": 1.0},
    "rationales_chosen": {"help": "because of 5"},
    "rationales_rejected": {"help": "because of 1"},
    "chosen_generator": "small",
    "rejected_generator": "small",
}
SIDE = {"score": 100.0, "criterion_scores": {"help": 5.0}, "rationales": {"help": "because of 5"}, "generator": "small"}
ALL = {
    "scores": [100, 50, 0],
    "criterion_scores": [{"help": 5.0}, {"help": 3.0}, {"help": 1.0}],
    "rationales": [{"help": f"because of {n}"} for n in (5, 3, 1)],
    "generators": ["small"] * 3,
}
PAIR_IDS = {"prompt_id", "pair_id", "chosen_id", "rejected_id"}
RESPONSE_IDS = {"prompt_id", "pair_id", "response_id"}
ORIGINS = {
    "preference": (SIDES, PAIR_IDS),
    "soft": (SIDES, PAIR_IDS),
    "reward": (SIDES, PAIR_IDS),
    "unpaired": (SIDE, RESPONSE_IDS),
    "sft": (SIDE, RESPONSE_IDS),
    "ranked": (ALL, {"prompt_id", "response_ids"}),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_carries_ids_source_metadata_generators_scores_and_the_judge(form: str, tmp_path: Path) -> None:
    origin, ids = ORIGINS[form]
    common = {"judge": "critic", "source": "p.jsonl:0", "metadata": {"topic": "depot", "level": 0, "A b": None}}
    with Store(tmp_path / "store.duckdb") as store:
        key = made(store, tmp_path)
        store.run("UPDATE pairs SET confidence = 0.75")
        described(store)
        done = export(store, key, tmp_path, held_out=0, form=form, rationales=True)
        plain = tables(store, key, held_out=0, form=form)
        with_rationales = tables(store, key, held_out=0, form=form, rationales=True)
    row = json.loads((done.folder / "train.jsonl").read_text().splitlines()[0])
    assert {name: row[name] for name in (*origin, *common)} == origin | common
    assert {name for name in row if name.endswith(("_id", "_ids"))} == ids
    assert set(row) <= COLUMNS.keys()
    assert with_rationales["train"].to_pylist()[0] == row
    assert set(plain["train"].column_names) == {name for name in row if "rationales" not in name}
    assert plain["test"].num_rows == 0


def test_scores_are_those_that_made_the_pairs_with_repeats_and_expected_values(tmp_path: Path) -> None:
    table = {f"p{i}": [{"text": f"{i}.{j}", "help": 1 + (i + 2 * j) % 5} for j in range(4)] for i in range(30)}
    with Store(tmp_path / "store.duckdb") as store:
        fill(store, table)
        store.run("""
            INSERT INTO scores SELECT * REPLACE (1 AS repeat, 3 AS value) FROM scores WHERE hash(answer) % 3 = 0;
            UPDATE scores SET expected = value / 2 + 0.25 WHERE hash(answer) % 7 <> 1
        """)
        ranges = {"help": (1.0, 5.0)}
        key = make_pairs(context(store, tmp_path), JUDGE, [GENERATOR], criteria(ranges)).key
        rows = tables(store, key, held_out=0)["train"].to_pylist()
        seen = store.rows("SELECT key, score::DOUBLE AS score FROM paired_scores JOIN responses USING (answer)")
    scores = {row["key"]: row["score"] for row in seen}
    assert len({score % 1 for score in scores.values()}) > 2
    assert len(rows) > 20
    for row in rows:
        for side in ("chosen", "rejected"):
            score = scores[row[f"{side}_id"]]
            assert row[f"score_{side}"] == pytest.approx(25 * (score - 1))
            assert [value for _, value in sorted(row[f"criterion_scores_{side}"].items())] == [score]


def test_metadata_whose_names_differ_only_in_case_is_json_text(tmp_path: Path) -> None:
    with Store(tmp_path / "store.duckdb") as store:
        key = made(store, tmp_path)
        store.run("""UPDATE prompts SET metadata = '{"a": 1, "A": [2]}'""")
        found = tables(store, key, held_out=0)["train"].to_pylist()
    assert [json.loads(row["metadata"]) for row in found] == [{"a": 1, "A": [2]}] * 2


@pytest.mark.parametrize(
    ("names", "written"),
    [
        (("tone", 'it\'s "clear"'), {'it\'s "clear"': 5.0, "tone": 2.0}),
        (("tone", "Tone"), '{"Tone":5.0,"tone":2.0}'),
        (("tone", ""), '{"":5.0,"tone":2.0}'),
    ],
)
def test_scores_by_criterion_are_a_struct_unless_the_names_cannot_be_its_fields(
    names: tuple[str, str], written: object, tmp_path: Path
) -> None:
    texts = [{"text": "good", names[0]: 2, names[1]: 5}, {"text": "bad", names[0]: 1, names[1]: 1}]
    with Store(tmp_path / "store.duckdb") as store:
        fill(store, {"p": texts})
        ranges = dict.fromkeys(names, (1.0, 5.0))
        key = make_pairs(context(store, tmp_path), JUDGE, [GENERATOR], criteria(ranges)).key
        (row,) = tables(store, key, held_out=0)["train"].to_pylist()
    assert row["criterion_scores_chosen"] == written


def test_soft_labels_without_any_confidence_are_an_error_that_says_where_it_comes_from(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no pair has a confidence[\s\S]*logprobs[\s\S]*pair.agree"):
        exported(tmp_path, "soft")


def test_ranked_lists_hold_all_scored_answers_best_first(tmp_path: Path) -> None:
    rows, done = exported(tmp_path, "ranked")
    assert [row["prompt"] for row in rows] == [asked("one"), asked("two"), asked("tied")]
    assert [[text["content"] for (text,) in row["responses"]] for row in rows[:2]] == [
        ["good", "fair", "bad"],
        ["yes", "no"],
    ]
    assert [row["scores"] for row in rows] == [[100, 50, 0], [75, 25], [50, 50]]
    assert done.left_out == {"prompts with fewer than two scored answers": 1}


def test_pairs_with_a_confidence_have_soft_labels_and_the_others_are_counted(tmp_path: Path) -> None:
    with Store(tmp_path / "store.duckdb") as store:
        key = made(store, tmp_path)
        store.run("UPDATE pairs SET confidence = 0.875 WHERE margin = 50")
        done = export(store, key, tmp_path, held_out=0, form="soft")
    (row,) = map(json.loads, (tmp_path / "soft/train.jsonl").read_text().splitlines())
    assert (row["chosen"], row["probability"]) == (said("yes"), 0.875)
    assert (done.rows["train"], done.left_out) == (1, {"pairs without a known confidence": 1})


def test_answers_that_stand_twice_are_kept_once_and_contested_ones_not_at_all(tmp_path: Path) -> None:
    options = {"strategy": "all_above_margin", "per_prompt": 9}
    rows, done = exported(tmp_path / "kto", "unpaired", {"one": TABLE["one"]}, **options)
    assert [(row["completion"][0]["content"], row["label"]) for row in rows] == [("good", True), ("bad", False)]
    assert sum(done.left_out.values()) == 6 - len(rows)
    rows, done = exported(tmp_path / "sft", "sft", {"one": TABLE["one"]}, **options)
    assert [row["completion"][0]["content"] for row in rows] == ["good", "fair"]
    assert sum(done.left_out.values()) == 3 - len(rows)


def test_the_rendered_prompt_is_stored_with_system_and_earlier_turns(tmp_path: Path) -> None:
    shown = [{"role": "system", "content": "Be brief."}, *asked("Hello"), *said("Hi."), *asked("one, with its document")]
    with Store(tmp_path / "store.duckdb") as store:
        key = made(store, tmp_path)
        store.append(
            "rendered_prompts", [{"prompt": prompt("one").key, "generator": GENERATOR, "messages": json.dumps(shown)}]
        )
        for form in ("preference", "unpaired", "sft", "ranked"):
            export(store, key, tmp_path, held_out=0, form=form)
            assert json.loads((tmp_path / form / "train.jsonl").read_text().splitlines()[0])["prompt"] == shown, form
        export(store, key, tmp_path, held_out=0, form="reward")
        assert json.loads((tmp_path / "reward/train.jsonl").read_text().splitlines()[0])["chosen"] == shown + said("good")


def test_no_prompt_is_in_both_splits(tmp_path: Path) -> None:
    table = {f"p{n}": [{"text": "a", "help": 5}, {"text": "b", "help": 1}, {"text": "c", "help": 3}] for n in range(40)}
    with Store(tmp_path / "store.duckdb") as store:
        key = made(store, tmp_path, table, strategy="all_above_margin", per_prompt=3)
        store.run("UPDATE prompts SET bucket = position * 250")
        done = export(store, key, tmp_path, held_out=0.3)
    prompts = {
        split: {json.loads(line)["prompt_id"] for line in (tmp_path / f"preference/{split}.jsonl").read_text().splitlines()}
        for split in ("train", "test")
    }
    assert done.rows == {"train": 84, "test": 36}
    assert not prompts["train"] & prompts["test"]


def test_an_unknown_form_or_format_is_reported_with_the_known_ones(tmp_path: Path) -> None:
    with Store(tmp_path / "store.duckdb") as store:
        for wrong in ({"form": "rewards"}, {"formats": ["parket"]}):
            with pytest.raises(InputError, match=r"Did you mean '(reward|parquet)'"):
                export(store, "", tmp_path, held_out=0, **wrong)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_two_runs_and_one_or_two_threads_give_the_same_bytes(tmp_path: Path) -> None:
    with Store(tmp_path / "store.duckdb") as store:
        key = many(store, 125_000)
        for number, threads in enumerate((1, 2, 2)):
            store.run(f"SET threads = {threads}")
            export(store, key, tmp_path / str(number), held_out=0.01, formats=["parquet"])
    assert contents(tmp_path / "0") == contents(tmp_path / "1") == contents(tmp_path / "2")


def test_every_form_and_format_is_the_same_to_the_byte_on_two_runs_in_two_stores(tmp_path: Path) -> None:
    for number in "01":
        with Store(tmp_path / f"{number}.duckdb") as store:
            key = made(store, tmp_path)
            store.run("UPDATE pairs SET confidence = 0.875 WHERE margin = 50")
            for form in FORMS:
                export(store, key, tmp_path / number, held_out=0, form=form, formats=["jsonl", "parquet", "datasets"])
    assert contents(tmp_path / "0") == contents(tmp_path / "1")


def test_shards_are_the_one_file_in_order_and_a_smaller_export_leaves_none_behind(tmp_path: Path) -> None:
    import pyarrow.parquet as parquet

    with Store(tmp_path / "store.duckdb") as store:
        key = many(store, 25)
        export(store, key, tmp_path / "one", held_out=0)
        done = export(store, key, tmp_path / "many", held_out=0, shard=10)
        names = [f"train-{n:05}-of-00003.parquet" for n in range(3)]
        assert sorted(path.name for path in done.folder.iterdir()) == ["README.md", *names, "train.jsonl"]
        shards = [row for name in names for row in parquet.read_table(done.folder / name).to_pylist()]
        assert shards == parquet.read_table(tmp_path / "one/preference/train.parquet").to_pylist()
        assert (done.folder / "train.jsonl").read_bytes() == (tmp_path / "one/preference/train.jsonl").read_bytes()
        (done.folder / "notes.txt").write_text("mine")
        export(store, key, tmp_path / "many", held_out=0, formats=["parquet"])
        assert sorted(path.name for path in done.folder.iterdir()) == ["README.md", "notes.txt", "train.parquet"]


@pytest.mark.fault("P1", "P14")
def test_files_of_a_killed_export_are_never_read_as_data(tmp_path: Path) -> None:
    aside = tmp_path / ".preference.partial"
    aside.mkdir()
    (aside / "held_out.jsonl").write_text("half a li")
    rows, done = exported(tmp_path, "preference")
    assert len(rows) == 2
    assert not aside.exists()
    assert not (done.folder / "held_out.jsonl").exists()
    assert not list(tmp_path.rglob("*.partial"))


@pytest.mark.fault("P3")
@pytest.mark.parametrize(
    "in_the_way", ["", "preference", ".preference.partial"], ids=["where the folder goes", "of the form", "aside"]
)
def test_an_unwritable_export_is_reported_with_its_place(tmp_path: Path, in_the_way: str) -> None:
    folder = tmp_path / "data"
    if in_the_way:
        folder.mkdir()
    (folder / in_the_way).touch()
    with Store(tmp_path / "store.duckdb") as store:
        pairing = made(store, tmp_path)
        with pytest.raises(InputError, match="cannot write a dataset here") as raised:
            export(store, pairing, folder, held_out=0)
        assert raised.value.where == str(folder / "preference")
        (folder / in_the_way).unlink()
        assert export(store, pairing, folder, held_out=0).rows["train"] == 2


FULL = """
import resource, sys
from pathlib import Path
from rlaif.core.errors import StoreError
from rlaif.data.export import export
from rlaif.store.store import Store
with Store(Path(sys.argv[1])) as store:
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))
    try:
        export(store, sys.argv[2], Path(sys.argv[3]), held_out=0, formats=[sys.argv[4]])
    except StoreError as error:
        print(error)
"""


@pytest.mark.fault("P3")
@pytest.mark.parametrize("format", ["jsonl", "parquet"])
def test_an_export_to_a_full_disk_is_reported_and_leaves_no_partial_file(tmp_path: Path, format: str) -> None:
    with Store(tmp_path / "store.duckdb") as store:
        pairing = made(store, tmp_path)
    command = [sys.executable, "-c", FULL, str(tmp_path / "store.duckdb"), pairing, str(tmp_path), format]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert str(tmp_path / ".preference.partial") in done.stdout, done.stderr
    assert "the disk is full" in done.stdout
    assert not (tmp_path / "preference").exists()


def test_a_saved_dataset_opens_both_ways_with_both_splits(tmp_path: Path) -> None:
    from datasets import load_dataset, load_from_disk

    with Store(tmp_path / "store.duckdb") as store:
        key = made(store, tmp_path)
        store.run("UPDATE prompts SET bucket = 0 WHERE position = 1")
        export(store, key, tmp_path / "lines", held_out=0.1, formats=["jsonl"])
        done = export(store, key, tmp_path, held_out=0.1, formats=["datasets"])
    rows = {
        split: [json.loads(line) for line in (tmp_path / f"lines/preference/{split}.jsonl").read_text().splitlines()]
        for split in ("train", "test")
    }
    assert {split: len(found) for split, found in rows.items()} == {"train": 1, "test": 1}
    for found in (load_from_disk(str(done.folder)), load_dataset(str(done.folder), cache_dir=str(tmp_path / "cache"))):
        assert {split: found[split].to_list() for split in found} == rows


def test_votes_rank_by_strength_and_give_a_reward_model_no_empty_margins(tmp_path: Path) -> None:
    with Store(tmp_path / "store.duckdb") as store:
        fill(store, {"one": [{"text": text} for text in ("a", "b", "c")]})
        answers = {row["text"]: row["answer"] for row in store.rows("FROM responses")}
        store.append(
            "comparisons",
            [
                {
                    "prompt": prompt("one").key,
                    "first": answers[first],
                    "second": answers[second],
                    "judge": JUDGE,
                    "criterion": "overall",
                    "preferred": preferred,
                    "rationale": f"{first} or {second}",
                }
                for first, second, preferred in (("a", "b", "second"), ("b", "c", "first"), ("a", "c", "tie"))
            ],
        )
        made = make_pairs(context(store, tmp_path, pair={"strategy": "votes"}), JUDGE, [GENERATOR])
        for form in ("ranked", "reward"):
            export(store, made.key, tmp_path, held_out=0, form=form)
        pair = tables(store, made.key, held_out=0, rationales=True)["train"].to_pylist()[0]
    sides = {pair[side][0]["content"] for side in ("chosen", "rejected")}
    assert [set(each.split(" or ")) for each in pair["comparison_rationales"]] == [sides]
    assert not {"criterion_scores_chosen", "rationales_chosen"} & pair.keys()
    row = json.loads((tmp_path / "ranked/train.jsonl").read_text())
    assert row["responses"][0] == said("b")
    assert row["scores"] == pytest.approx([86.1, 31.9, 31.9], abs=0.1)
    assert "margin" not in json.loads((tmp_path / "reward/train.jsonl").read_text().splitlines()[0])


def test_every_id_of_a_row_leads_back_to_the_judges_words(tmp_path: Path) -> None:
    from rlaif.report.explain import explain

    file = project(tmp_path)
    go(file)
    row = json.loads((tmp_path / "out/pairs/preference/train.jsonl").read_text().splitlines()[0])
    with Store(tmp_path / "out/store.duckdb", read_only=True) as store:
        stories = [explain(store, row[name]) for name in ("prompt_id", "pair_id", "chosen_id", "rejected_id")]
    assert {story.prompt for story in stories} == {row["prompt_id"]}
    texts = {response.key: response for response in stories[0].responses}
    for side in ("chosen", "rejected"):
        response = texts[row[f"{side}_id"]]
        assert response.text == row[side][0]["content"]
        assert all(said.raw for said in response.verdicts)
    assert stories[0].outcomes[0].pairs[0].margin == row["margin"]

"""Work in folders: pending units as files, workers, and results that enter the store once; all as in a run on one machine."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from rlaif import pipeline
from rlaif.config import load
from rlaif.context.spending import spent
from rlaif.core.errors import BudgetError, InputError, StoreError
from rlaif.pipeline.work.ingest import Ingested, ingest
from rlaif.pipeline.work.pending import write_pending
from rlaif.pipeline.work.share import Share, held, parse_share
from rlaif.pipeline.work.worker import work
from tests.support.scripted_pipeline import project

FACTS = {
    "responses": "key, attempt, answer, text, finish, prompt_tokens, output_tokens, logprob, failure",
    "verdicts": "key, answer, raw, failure, detail, calls, prompt_tokens, output_tokens",
    "scores": "verdict, criterion, value, expected, spread, rationale, failure",
    "findings": "verdict, criterion, position, text, outcome, earned",
    "comparisons": "verdict, first, second, preferred, probability, rationale, failure",
    "notes": "prompt, criterion, texts, raw, failure, calls",
    "rendered_prompts": "prompt, generator, messages",
    "served_models": "judge, model",
    "pairs": "prompt, chosen, rejected, margin, confidence",
}


def facts(file: Path) -> dict[str, list[Any]]:
    """Everything of a store that results and pairs consist of, without times; and the work and its cost."""
    with pipeline.open_reading(load(file)) as context:
        rows = {
            table: context.store.rows(f"SELECT DISTINCT {names} FROM {table} ORDER BY ALL") for table, names in FACTS.items()
        }
        counts = {f"{table} rows": context.store.rows(f"SELECT count(*) AS n FROM {table}") for table in FACTS}
        work = "SELECT stage, sum(done) AS done, sum(failed) AS failed, sum(calls) AS calls FROM stage_runs GROUP BY ALL ORDER BY ALL"
        return rows | counts | {"work": context.store.rows(work), "spent": spent(context.store, context.config.pipeline)}


def write(file: Path, stage: Any, folder: Path, **options: Any) -> Path:
    with pipeline.open_run(load(file)) as (plan, context):
        pipeline.collect(context)
        write_pending(plan, context, stage, folder, **options)
    return folder


def run_alone(file: Path) -> int:
    """Runs the pipeline up to the pairs on this machine; the number of stages in which anything was done."""
    with pipeline.open_run(load(file)) as (plan, context):
        pipeline.collect(context)
        pipeline.generate_and_judge(plan, context)
        pipeline.pair(plan, context)
        return len(context.store.rows("FROM stage_runs WHERE run = $run AND calls > 0", run=context.run))


def take_in(file: Path, folder: Path) -> list[Ingested]:
    with pipeline.open_run(load(file)) as (plan, context):
        return ingest(plan, context, folder)


def units(folder: Path) -> list[dict[str, Any]]:
    return [row for path in sorted((folder / "units").iterdir()) for row in pq.read_table(path).to_pylist()]


def test_workers_make_what_a_run_makes_to_the_byte_and_at_the_same_cost(tmp_path: Path) -> None:
    """With a cascade, whose second judge gets what the first has left undecided."""
    alone, apart = project(tmp_path / "alone", prompts=10), project(tmp_path / "apart", prompts=10)
    for file in (alone, apart):
        text = file.read_text().replace("judge: {by: [a]}", "judge: {by: [a, b], cascade: {margin: 30}}")
        file.write_text(text.replace("pair: {judge: a, ", "pair: {"))
    run_alone(alone)
    for number, stage in enumerate(("generate", "judge", "judge")):
        folder = write(apart, stage, tmp_path / str(number), shard=7)
        for index in (1, 0):
            work(folder, Share(index, 2))
        assert not any(path.is_dir() for path in (folder / "results").iterdir())
        first, again = take_in(apart, folder), take_in(apart, folder)
        assert (first[0].left, again[0].done, again[0].failed) == (0, 0, {})
        assert again[0].known == first[0].done + sum(first[0].failed.values())
    assert (first[0].stage, first[0].done > 0, run_alone(apart)) == ("judge b", True, 0)
    assert facts(apart) == facts(alone)


def test_a_worker_that_starts_again_does_only_what_has_no_result(tmp_path: Path) -> None:
    file = project(tmp_path / "p")
    folder = write(file, "generate", tmp_path / "g", shard=7)
    (first,) = work(folder)
    assert first.done == 60
    (folder / "results/00001.parquet").unlink()
    part = pq.read_table(folder / "results/00000.parquet")
    (folder / "results/00000.parquet").unlink()
    (folder / "results/00000").mkdir()
    pq.write_table(part.slice(0, 3), folder / "results/00000/a-1.parquet")
    (folder / "results/00000/.cut.parquet.ab").write_bytes(b"PAR1")
    (again,) = work(folder)
    assert again.done == 3 * (7 + 7 - 3)
    (found,) = take_in(file, folder)
    assert (found.done, found.left, found.known) == (60, 0, 0)
    assert work(folder)[0].done == 0


def test_a_part_of_the_budget_ends_each_worker_and_holds_in_total(tmp_path: Path) -> None:
    file = project(tmp_path / "p", prompts=60)
    file.write_text(file.read_text().replace("samples: 3", "samples: 3, max_tokens: 100") + "budget: {tokens: 1000}\n")
    folder = write(file, "generate", tmp_path / "g", shard=5)
    for index in (0, 1, 0):
        with pytest.raises(BudgetError):
            work(folder, Share(index, 2))
    (found,) = take_in(file, folder)
    with pipeline.open_reading(load(file)) as context:
        total = sum(row.tokens for row in spent(context.store, context.config.pipeline))
    # Workers exceed the cap at most by the error of their estimates, as a run does; without a cap, they would spend 4,900.
    assert found.left > 0
    assert 700 < total < 1500


def test_the_work_of_another_plan_is_refused_with_the_difference(tmp_path: Path) -> None:
    file = project(tmp_path / "p", prompts=4)
    folder = write(file, "generate", tmp_path / "g")
    text = file.read_text()
    file.write_text(text.replace("samples: 3", "samples: 3, temperature: 0.5"))
    with pytest.raises(InputError, match=r"temperature: 1\.0 → 0\.5"):
        take_in(file, folder)
    file.write_text(text)
    work(folder)
    take_in(file, folder)
    folder = write(file, "judge", tmp_path / "j")
    rubric = file.parent / "rubric.yaml"
    data = yaml.safe_load(rubric.read_text())
    data["criteria"][0]["question"] = "Is it of help?"
    rubric.write_text(yaml.safe_dump(data))
    with pytest.raises(InputError, match=r"criteria .* are new or changed"):
        take_in(file, folder)


def test_results_that_are_not_those_of_their_units_are_refused(tmp_path: Path) -> None:
    file = project(tmp_path / "p", prompts=4)
    folder = write(file, "generate", tmp_path / "g")
    work(folder)
    whole = folder / "results/00000.parquet"
    rows = pq.read_table(whole).to_pylist()
    made = json.loads(rows[0]["facts"])
    for change, message in (
        ({"text": "forged"}, "key of another text"),
        ({"prompt": "0" * 32}, "another prompt"),
        ({"sample": 9}, "another sample"),
        ({'x" FROM meta; --': 1}, "no column"),
        ({"generator": "0" * 32}, "another generator"),
    ):
        changed = made | {"responses": [made["responses"][0] | change]}
        forge(whole, [rows[0] | {"facts": json.dumps(changed)}])
        with pytest.raises(InputError, match=message):
            take_in(file, folder)
    forge(whole, [rows[0] | {"facts": json.dumps({"meta": [{"name": "schema", "value": "0"}]})}])
    with pytest.raises(InputError, match="rows of 'meta'"):
        take_in(file, folder)


def forge(path: Path, rows: list[dict[str, Any]]) -> None:
    pq.write_table(pq.read_table(path).from_pylist(rows), path)


def test_two_processes_of_one_machine_never_do_the_same_units(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    with held(tmp_path, Share(0, 2)):
        with held(tmp_path, Share(1, 2)):
            pass
        for other in (Share(0, 2), Share(0, 1), Share(1, 3)):
            with pytest.raises(StoreError, match="worker 0/2"), held(tmp_path, other):
                pass
    with held(tmp_path, Share(0, 1)):
        pass
    for wrong in ("2/2", "x", "0/0", "-1/2"):
        with pytest.raises(InputError, match="--worker"):
            parse_share(wrong)


def test_a_folder_holds_no_secret_and_is_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUDGE_KEY", "sk-do-not-show")
    file = project(tmp_path / "p", prompts=4)
    text = file.read_text().replace(
        "writer: {kind: scripted, salt: w, delay: 0.0}",
        "writer: {kind: openai, model: m, base_url: 'http://127.0.0.1:9/v1', api_key: env:JUDGE_KEY}",
    )
    file.write_text(text)
    folder = write(file, "generate", tmp_path / "g")
    written = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert b"env:JUDGE_KEY" in written
    assert b"sk-do-not-show" not in written
    body = json.loads(units(folder)[0]["request"])
    assert (body["model"], body["n"], body["messages"][-1]["role"]) == ("m", 3, "user")
    with pytest.raises(InputError, match="not empty"):
        write(file, "generate", folder)


NOTED = """
name: noted
criteria:
  - {name: covered, kind: keypoints}
  - {name: better, kind: compare, question: "Which is better?"}
  - {name: short, kind: check, function: within, options: {most: 20}}
"""


def test_notes_comparisons_and_checks_are_made_as_in_a_run(tmp_path: Path) -> None:
    stores = []
    for name in ("alone", "apart"):
        file = project(tmp_path / name, prompts=4)
        (file.parent / "rubric.yaml").write_text(NOTED)
        data = yaml.safe_load(file.read_text())
        data["judges"] = {"a": {"model": "second", "rubric": "rubric.yaml"}}
        data["pair"] = {"judge": "a"}
        file.write_text(yaml.safe_dump(data))
        if name == "apart":
            for stage in ("generate", "judge"):
                folder = write(file, stage, tmp_path / stage, shard=4)
                work(folder)
                take_in(file, folder)
        run_alone(file)
        stores.append(facts(file))
    assert len(stores[0]["notes"]) == 4
    assert stores[0] == stores[1]


def test_a_run_on_a_cluster_takes_in_what_a_killed_driver_left(tmp_path: Path) -> None:
    file = project(tmp_path / "p", prompts=4)
    file.write_text(file.read_text() + "run: {engine: ray, address: '127.0.0.1:9'}\n")

    def generate() -> None:
        with pipeline.open_run(load(file)) as (plan, context):
            pipeline.collect(context)
            pipeline.generate(plan, context)

    # Either there is no Ray, or no cluster.
    with pytest.raises(InputError, match="Ray"):
        generate()
    (left,) = (tmp_path / "p/out/work").iterdir()
    work(left)
    generate()
    assert len(facts(file)["responses"]) == 12
    assert not list((tmp_path / "p/out/work").iterdir())

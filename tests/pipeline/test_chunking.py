"""The chunking pipeline runs offline to its end, and its checks tell right chunkings from wrong ones."""

import json
from pathlib import Path

import pytest

from rlaif import pipeline
from rlaif.config import load
from rlaif.config.resources import root

PIPELINE = root() / "pipelines/chunking.yaml"
DOCUMENTS = [json.loads(line) for line in (root() / "pipelines/data/chunking_documents.jsonl").read_text().splitlines()]
MARKS = """
SELECT text, criterion, percent FROM responses_scored
WHERE generator = 'by hand' AND criterion IN ('size', 'headings_kept', 'nothing_lost')
"""


def parted(document: str) -> str:
    """The right chunking: one section a chunk."""
    return document.replace("\n# ", "\n---\n# ")


def test_the_pipeline_runs_offline_and_only_right_chunkings_are_chosen(tmp_path: Path) -> None:
    size = ["generate.max_tokens=16", "generate.samples=1", "train.options.max_steps=1", "evaluate.limit=2"]
    with pipeline.open_run(load(PIPELINE, [f"out={tmp_path}", *size])) as (plan, context):
        made, evaluation, report = pipeline.everything(plan, context)
        chosen = {row["chosen"] for row in context.store.rows("SELECT chosen FROM pairs_readable")}
        marks: dict[str, dict[str, float]] = {}
        for row in context.store.rows(MARKS):
            marks.setdefault(row["text"], {})[row["criterion"]] = row["percent"]
    assert made
    assert made.pairs == len(DOCUMENTS)
    right = {parted(row["document"]) for row in DOCUMENTS}
    assert chosen == right
    assert all(set(marks[text].values()) == {100} for text in right)
    assert all(min(found.values()) < 100 for text, found in marks.items() if text not in right)
    assert [match.judge for match in evaluation.matches] == ["layout"]
    assert report.exists()


def test_grpo_takes_the_checks_and_the_critic_for_its_reward(tmp_path: Path) -> None:
    train = (
        "train={method: grpo, rewards: [{judge: layout}], options: {max_steps: 1, num_generations: 2, "
        "per_device_train_batch_size: 2}}"
    )
    with pipeline.open_run(load(PIPELINE, [f"out={tmp_path}", "generate.max_tokens=8", train])) as (plan, context):
        pipeline.collect(context)
        made = pipeline.train(plan, context)
        assert made
        logged = {row["metric"] for row in context.store.rows("SELECT DISTINCT metric FROM training_log")}
    assert (made.method, made.rows) == ("grpo", 9)
    assert "reward" in logged


@pytest.mark.parametrize("row", DOCUMENTS, ids=lambda row: row["document"].split("\n")[0])
def test_each_document_comes_with_its_right_chunking_and_three_wrong_ones(row: dict[str, str]) -> None:
    assert parted(row["document"]) in row["chunkings"]
    assert len(set(row["chunkings"])) == 4

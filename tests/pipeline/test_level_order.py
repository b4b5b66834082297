"""Repeats with permuted levels, judged by a local server that prefers the level it reads first."""

import asyncio
import json
import re
from collections import Counter
from pathlib import Path

import pytest

from rlaif import pipeline
from rlaif.config import load
from rlaif.evaluation.audit import Findings
from rlaif.pipeline.stages.audit import audit
from tests.support.servers import Reply, Request, chat, serve

LEVEL = re.compile(r"^(\d): ", re.MULTILINE)


def audited(folder: Path, base_url: str, order: str) -> tuple[Findings, float]:
    """Judge six responses four times each; return the audit and the mean score of the first two repeats."""
    rows = [json.dumps({"prompt": f"Question {n}?", "answer": f"Answer {n}."}) for n in range(6)]
    (folder / "rows.jsonl").write_text("\n".join(rows))
    levels = {level: f"meaning {level}" for level in range(1, 6)}
    criterion = {"name": "help", "question": "Does it help?", "levels": levels}
    (folder / "rubric.yaml").write_text(json.dumps({"name": "mine", "criteria": [criterion]}))
    data = {
        "name": "levels",
        "out": str(folder / "out"),
        "collect": {"sources": [{"path": "rows.jsonl", "columns": {"responses": "answer"}}]},
        "models": {"m": {"kind": "openai", "model": "m", "base_url": base_url}},
        "judges": {"j": {"rubric": "rubric.yaml", "model": "m", "repeats": 4, "level_order": order}},
    }
    (folder / "pipeline.yaml").write_text(json.dumps(data))
    with pipeline.open_run(load(folder / "pipeline.yaml")) as (plan, context):
        findings = audit(plan, context).judges[0]
        (stored,) = context.store.rows("SELECT avg(value) AS mean FROM scores WHERE repeat < 2")
    return findings, float(stored["mean"])


@pytest.mark.parametrize(("order", "effect", "mean"), [("permuted", 100.0, 3.0), ("rising", None, 1.0)])
def test_permuted_levels_cancel_a_preference_for_the_first_level_and_the_audit_shows_it(
    order: str, effect: float | None, mean: float, tmp_path: Path
) -> None:
    listed: Counter[str] = Counter()

    def first_level(request: Request) -> Reply:
        levels = LEVEL.findall(request.body["messages"][0]["content"])
        listed["".join(levels)] += 1
        return chat(json.dumps({"help": {"rationale": "first", "score": int(levels[0])}}))

    async def run() -> tuple[Findings, float]:
        async with serve([first_level]) as server:
            return await asyncio.to_thread(audited, tmp_path, server.base_url, order)

    findings, stored_mean = asyncio.run(run())
    found = findings.get("level_order")
    assert (found and found.value) == effect
    assert stored_mean == mean
    if order == "permuted":
        assert (listed["12345"], listed["54321"]) == (6, 6)
        assert all(listed[levels[::-1]] == count for levels, count in listed.items())
    else:
        assert listed == {"12345": 24}

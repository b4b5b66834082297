"""The Python API: a pipeline of Python objects and functions, in scripts and where an event loop runs."""

import asyncio
import inspect
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import rlaif
from rlaif.config import Pair
from rlaif.core import functions
from rlaif.core.errors import InputError, StoreError
from rlaif.core.types import Prompt
from rlaif.pairs.python_strategy import Candidate
from tests.support.command_line import rlaif as command
from tests.support.scripted_pipeline import project

ROWS = [{"prompt": f"Question {number}?"} for number in range(8)]
CALLS = {"brief": 0, "questions": 0}


@rlaif.source
def questions() -> list[dict[str, str]]:
    CALLS["questions"] += 1
    return ROWS


@rlaif.judge
def brief(prompt: Prompt, response: str) -> tuple[float, str]:
    CALLS["brief"] += 1
    return 1 / (1 + len(response)), f"{len(response)} characters"


@rlaif.check(low=1, high=5, version="1")
async def varied(prompt: Prompt, response: str) -> int:
    await asyncio.sleep(0)
    return 1 + len(response) % 5


@rlaif.strategy
def neighbours(candidates: list[Candidate]) -> Iterator[tuple[Candidate, Candidate]]:
    for better, worse in pairwise(candidates):
        if not better.vetoed:
            yield better, worse


def sections(**changes: Any) -> dict[str, Any]:
    rubric = {
        "name": "mixed",
        "criteria": [{"name": "good", "question": "Is it good?"}, {"name": "varied", "kind": "check", "function": varied}],
    }
    return {
        "name": "python",
        "models": {"writer": {"kind": "scripted", "salt": "w"}, "critic": {"kind": "scripted", "salt": "c"}},
        "judges": {"brief": brief, "mixed": {"model": "critic", "rubric": rubric}},
        "collect": {"sources": [questions], "held_out": 0.2},
        "generate": {"model": "writer", "samples": 3},
        "pair": {"judge": "brief", "strategy": neighbours},
        **changes,
    }


def test_a_pipeline_of_python_objects_runs_and_its_data_are_tables(tmp_path: Path) -> None:
    p = rlaif.Pipeline(sections(), folder=tmp_path, quiet=True)
    assert [(line.stage, line.completions) for line in p.plan().lines] == [("generate", 24), ("judge mixed", 24)]
    result = p.run()
    assert result.pairing
    assert result.report.exists()
    assert len(p.prompts().df()) == 8
    assert p.responses().pl().height == 24
    scores = p.scores("brief")
    assert scores.arrow().read_all().num_rows == len(scores) == 24
    assert {row[0] for row in scores.select("rationale LIKE '% characters'").fetchall()} == {True}
    assert len(p.scores()) == 72
    assert len(p.pairs()) == result.pairing.pairs > 8, "several pairs of a prompt"
    # Relations stay readable when the store has changed.
    p.pair()
    assert p.scores("brief").fetchall() == scores.fetchall()


def test_other_pairs_are_made_without_a_call_and_without_storing_them(tmp_path: Path) -> None:
    p = rlaif.Pipeline(sections(), folder=tmp_path, quiet=True)
    p.run()
    stored = p.sql("FROM pairings").fetchall()
    by_mixed = p.pairs(judge="mixed", strategy="best_vs_worst")
    assert {row[0] for row in by_mixed.select("judge").fetchall()} == {"mixed"}
    assert len(p.pairs(strategy="best_vs_worst", min_margin=90)) == 0
    difference = p.diff(b={"pair": Pair(judge="mixed", strategy="best_vs_worst")})
    assert difference.b.pairs == len(by_mixed)
    splits = p.dataset()
    assert splits["train"].num_rows + splits["test"].num_rows == len(p.pairs())
    assert p.export(tmp_path / "data").rows == {"train": splits["train"].num_rows, "test": splits["test"].num_rows}
    assert p.sql("FROM pairings").fetchall() == stored


def test_a_prompt_is_explained_as_escaped_html(tmp_path: Path) -> None:
    def hostile(prompt: Prompt, response: str) -> tuple[float, str]:
        return 0.5, "<script>alert(1)</script>"

    p = rlaif.Pipeline(sections(judges={"hostile": hostile}, pair=None), folder=tmp_path, quiet=True)
    p.run()
    page = p.explain(p.prompts().limit(1).fetchall()[0][0])._repr_html_()
    assert page.startswith("<pre")
    assert "hostile" in page
    assert "<script" not in page


def test_results_are_computed_again_when_a_function_or_its_version_changes(tmp_path: Path) -> None:
    p = rlaif.Pipeline(sections(judge={"by": ["brief"]}), folder=tmp_path, quiet=True)
    p.run()
    before, pairs = dict(CALLS), p.sql("SELECT key FROM pairings").fetchall()
    p.run()
    assert CALLS["brief"] == before["brief"]
    assert CALLS["questions"] > before["questions"], "its rows may have changed"
    functions.register("check", brief, version="another")
    functions.register("strategy", neighbours, version="another")
    try:
        p.run()
        assert CALLS["brief"] == before["brief"] + 24
        assert len(p.sql("SELECT key FROM pairings").fetchall()) == 2 * len(pairs)
    finally:
        rlaif.judge(brief)
        rlaif.strategy(neighbours)


def test_a_source_with_a_version_is_read_once(tmp_path: Path) -> None:
    read = 0

    @rlaif.source(version="1")
    def fixed() -> list[dict[str, str]]:
        nonlocal read
        read += 1
        return ROWS

    p = rlaif.Pipeline(sections(collect={"sources": [fixed]}), folder=tmp_path, quiet=True)
    p.collect()
    p.collect()
    assert read == 1


def wrong_rows() -> list[str]:
    return ["Question?"]


def failing(prompt: Prompt, response: str) -> float:
    if len(response) % 2:
        raise ValueError("no such thing")
    return 1.0


def foreign(candidates: list[Candidate]) -> list[tuple[Candidate, str]]:
    return [(candidates[0], "text")]


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown key": ({"generate": {"model": "writer", "sampels": 3}}, "generate.sampels: unknown key"),
    "an object": ({"generate": object()}, "generate: object is not a value"),
    "a function in a wrong place": ({"generate": {"model": brief}}, "generate.model: a function is not a value"),
    "an unregistered name": ({"pair": {"strategy": "python:none"}}, "no Python function is registered as strategy 'none'"),
    "rows that are no mappings": ({"collect": {"sources": [wrong_rows]}}, "row 1 of wrong_rows is not a mapping"),
    "pairs of something else": ({"pair": {"judge": "brief", "strategy": foreign}}, "something else than pairs"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_with_its_place(name: str, tmp_path: Path) -> None:
    changes, message = MISTAKES[name]
    with pytest.raises(InputError) as error:
        rlaif.Pipeline(sections(**changes), folder=tmp_path, quiet=True).run()
    assert message in str(error.value)


def test_a_function_that_fails_is_a_failure_and_no_score(tmp_path: Path) -> None:
    p = rlaif.Pipeline(sections(judges={"failing": failing}, pair=None), folder=tmp_path, quiet=True)
    p.run()
    found = p.sql("SELECT DISTINCT failure, detail FROM verdicts ORDER BY failure").fetchall()
    assert found == [("crashed", "ValueError: no such thing"), (None, None)]
    assert p.scores().filter("failure = 'crashed' AND score IS NOT NULL").fetchall() == []


def test_a_function_without_known_source_needs_a_version() -> None:
    names: dict[str, Any] = {}
    exec("def typed(prompt, response): return 1", names)
    with pytest.raises(InputError, match="version"):
        rlaif.check(names["typed"])
    assert rlaif.check(version="1")(names["typed"])


def test_sql_reads_and_never_writes(tmp_path: Path) -> None:
    p = rlaif.Pipeline(sections(), folder=tmp_path, quiet=True)
    with pytest.raises(InputError, match="nothing has been done yet"):
        p.sql("FROM prompts")
    p.collect()
    assert p.sql("SELECT count(*) FROM prompts").fetchall() == [(8,)]
    for statement in ("DELETE FROM prompts", "FROM read_text('/etc/passwd')"):
        with pytest.raises(InputError, match=r"read only here|DuckDB rejects"):
            p.sql(statement).fetchall()


def test_the_api_works_inside_an_event_loop_and_reads_during_a_run(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=30, delay=0.05)
    p = rlaif.open(file, quiet=True, generate={"samples": 2}, **{"pair.min_margin": 0})

    async def notebook() -> list[int]:
        p.collect()
        running = asyncio.create_task(p.arun())
        seen = []
        while not running.done():
            # The first reading is before the run's first step.
            seen.append(len(p.responses()))
            await asyncio.sleep(0.2)
        seen.append(len(p.responses()))
        result = await running
        assert result.pairing
        assert result.pairing.pairs == len(p.pairs())
        return seen

    seen = asyncio.run(notebook())
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0, 60)
    done = command("status", str(file), "--json")
    assert json.loads(done.stdout)["holds"] == p.status()["holds"]


def test_a_cancelled_run_stops_and_goes_on_later(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=8, delay=20)
    p = rlaif.open(file, quiet=True)

    async def cancelled() -> float:
        running = asyncio.create_task(p.arun())
        while not (tmp_path / "out/store.duckdb.wal").exists():
            await asyncio.sleep(0.1)
        start = time.monotonic()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        return time.monotonic() - start

    assert asyncio.run(cancelled()) < 5
    assert len(p.responses()) == 0
    rlaif.open(file, quiet=True, models={"writer": {"delay": 0}, "first": {"delay": 0}}).run()
    assert len(p.responses()) == 24


def test_overrides_change_what_they_name_and_appear_in_commands(tmp_path: Path) -> None:
    file = project(tmp_path)
    p = rlaif.open(file, pair={"min_margin": 7}, collect={"held_out": 0})
    pipeline = p.config.pipeline
    assert pipeline.pair
    assert (pipeline.pair.min_margin, pipeline.pair.judge, pipeline.collect.held_out) == (7, "a", 0)
    assert p.config.command("run").endswith("--set pair.min_margin=7 --set collect.held_out=0")
    saved = rlaif.open(p.save(tmp_path / "saved.yaml"))
    assert saved.config.pipeline == pipeline


def test_importing_rlaif_loads_nothing_and_names_what_there_is() -> None:
    code = (
        "import sys, rlaif; assert not {'duckdb', 'pydantic', 'rich'} & set(sys.modules); rlaif.open; print(rlaif.Pipeline)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "rlaif.api.Pipeline" in done.stdout
    with pytest.raises(AttributeError, match="no attribute 'pipe'"):
        rlaif.pipe  # noqa: B018
    for name, method in inspect.getmembers(rlaif.Pipeline, inspect.isfunction):
        assert name.startswith("_") or method.__doc__, name


def test_a_second_run_is_refused_with_a_reason(tmp_path: Path) -> None:
    p = rlaif.open(project(tmp_path), quiet=True)
    holding = f"""
import sys
from pathlib import Path
from rlaif.store.store import Store
with Store(Path({str(tmp_path / "out/store.duckdb")!r})):
    print("held", flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen([sys.executable, "-c", holding], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        with pytest.raises(StoreError, match="in use by process"):
            p.run()
        process.kill()

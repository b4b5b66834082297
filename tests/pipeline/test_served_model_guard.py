"""Two models, or two judges, never pass for one because they have one name."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rlaif import pipeline
from rlaif.config import load
from rlaif.core.errors import InputError, ModelError
from tests.support.scripted_pipeline import rows
from tests.support.servers import Reply, Request, choice, reply, serve

PIPELINE = """
name: witness
out: OUT
models: {critic: {kind: openai, model: m, base_url: "URL", attempts: 1}}
judges: {critic: {model: critic, rubric: rubric.yaml}}
collect:
  sources:
    - path: data.jsonl
      columns: {responses: answers}
      scores: [{judge: gold, criterion: help, column: gold, low: 1, high: 5}]
"""
RUBRIC = "name: r\ncriteria: [{name: help, question: Is it of help}]\n"


def project(folder: Path, url: str = "http://127.0.0.1:9/v1") -> Path:
    (folder / "rubric.yaml").write_text(RUBRIC)
    (folder / "p.yaml").write_text(PIPELINE.replace("OUT", str(folder / "out")).replace("URL", url))
    write(folder, 1)
    return folder / "p.yaml"


def write(folder: Path, prompts: int) -> None:
    lines = [{"prompt": f"Why {n}?", "answers": ["a", "b"], "gold": [5, 1]} for n in range(prompts)]
    (folder / "data.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


@contextmanager
def server(names: list[str | None]) -> Iterator[str]:
    """A real server in a thread of its own, which answers under the last of these names; its address."""
    verdict = choice(json.dumps({"help": {"rationale": "so", "score": 4}}))
    ready, over = threading.Event(), asyncio.Event()
    found: list[tuple[str, asyncio.AbstractEventLoop]] = []

    def answer(request: Request) -> Reply:
        return reply({"choices": [verdict]} | ({"model": names[-1]} if names[-1] else {}))

    async def work() -> None:
        async with serve([answer]) as running:
            found.append((running.base_url, asyncio.get_running_loop()))
            ready.set()
            await over.wait()

    thread = threading.Thread(target=asyncio.run, args=(work(),))
    thread.start()
    ready.wait()
    try:
        yield found[0][0]
    finally:
        found[0][1].call_soon_threadsafe(over.set)
        thread.join()


def judge(file: Path) -> None:
    with pipeline.open_run(load(file)) as (plan, context):
        pipeline.collect(context)
        pipeline.judge(plan, context)


@pytest.mark.fault("H20")
def test_a_server_that_answers_as_another_model_in_a_later_run_ends_it(tmp_path: Path) -> None:
    names: list[str | None] = ["m-2025"]
    scored = "SELECT count(*) AS n FROM scores JOIN judges ON judges.key = judge WHERE name = 'critic'"
    with server(names) as url:
        file = project(tmp_path, url)
        judge(file)
        assert rows(file, "SELECT model FROM served_models") == [{"model": "m-2025"}]
        names.append("m-2026")
        write(tmp_path, 2)
        with pytest.raises(
            ModelError, match="'critic' was served by the model 'm-2025', and the server now reports 'm-2026'"
        ) as caught:
            judge(file)
        assert caught.value.kind == "other_model"
        assert rows(file, scored) == [{"n": 2}]
        names.append("m-2025")
        judge(file)
        assert rows(file, scored) == [{"n": 4}]


def test_a_reply_without_a_model_name_is_accepted(tmp_path: Path) -> None:
    with server([None]) as url:
        file = project(tmp_path, url)
        judge(file)
    assert rows(file, "SELECT * FROM served_models") == []


@pytest.mark.parametrize("what", ["scores: [{judge: critic,", "preferences: {judge: critic, chosen: a, rejected: b}"])
def test_a_judge_of_the_data_may_not_have_the_name_of_one_of_the_file(what: str, tmp_path: Path) -> None:
    file = project(tmp_path)
    old = "scores: [{judge: gold," if what.startswith("scores") else "columns: {responses: answers}"
    file.write_text(file.read_text().replace(old, what if what.startswith("scores") else f"{old}\n      {what}"))
    with pytest.raises(InputError, match=r"p\.yaml:\d+.*'critic' came with the data, and is a judge of this file too"):
        load(file)


def test_a_judge_may_not_count_twice(tmp_path: Path) -> None:
    file = project(tmp_path)
    with pytest.raises(InputError, match="named twice"):
        load(file, ["pair.judge=[critic, critic]"])


def test_judges_of_the_file_and_of_the_data_are_mixed_by_criteria_of_the_same_name(tmp_path: Path) -> None:
    with server(["m"]) as url:
        file = project(tmp_path, url)
        write(tmp_path, 3)
        judge(file)
        with pipeline.open_run(load(file, ["pair.judge=[critic, gold]"])) as (plan, context):
            made = pipeline.pair(plan, context)
    assert made.pairs == 3
    # The critic gives all of them 4.
    assert rows(file, "SELECT DISTINCT margin::DOUBLE AS margin FROM pairs") == [{"margin": 50.0}]
    assert rows(file, "SELECT judge FROM pairings_readable") == [{"judge": "critic, gold (mean)"}]

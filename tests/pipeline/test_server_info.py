"""What servers tell of themselves and make us do: kept, counted, and told where it changed; and servers that are still coming up."""

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from rlaif import pipeline
from rlaif.config import OpenAIModel, load
from rlaif.core.errors import ModelError
from rlaif.core.progress import Tally
from rlaif.doctor import examine
from rlaif.models.base import ChatRequest
from rlaif.models.openai.client import OpenAI
from rlaif.pipeline.summary import Summary, summarize
from rlaif.report import render
from rlaif.store.store import Store
from tests.support.displays import RecordedNotes
from tests.support.page import Page
from tests.support.raw_server import read_body
from tests.support.scripted_pipeline import rows
from tests.support.servers import Reply, Request, chat, choice, error, reply, serve

PIPELINE = """
name: remarks
out: OUT
models: {writer: {kind: openai, model: m, base_url: "URL"}}
collect: {sources: [{path: data.jsonl}], held_out: 0}
generate: {model: writer, samples: 2, logprobs: false}
"""
HELLO = ChatRequest([{"role": "user", "content": "hello"}])


def generate(folder: Path, url: str, prompts: int) -> list[str]:
    """One run of a pipeline with so many prompts; what was told."""
    (folder / "data.jsonl").write_text("".join(json.dumps({"prompt": f"Why {n}?"}) + "\n" for n in range(prompts)))
    (folder / "p.yaml").write_text(PIPELINE.replace("OUT", str(folder / "out")).replace("URL", url))
    notes = RecordedNotes()
    with pipeline.open_run(load(folder / "p.yaml"), notes) as (plan, context):
        pipeline.collect(context)
        pipeline.generate(plan, context)
    return [line for line in notes.lines if " has changed since the last run" in line]


class RecordedLines(RecordedNotes):
    """Keeps the last line of each stage, too."""

    @contextmanager
    def show(self, tally: Tally) -> Iterator[None]:
        yield
        self.note(tally.line())


def test_retries_are_counted_in_the_line_of_progress_and_at_the_end_of_the_run(tmp_path: Path) -> None:
    busy = error(429, "slow down", headers={"retry-after": "0.01"})
    (tmp_path / "data.jsonl").write_text('{"prompt": "Why?"}\n')
    lines = RecordedLines()

    def run(url: str) -> Summary:
        (tmp_path / "p.yaml").write_text(PIPELINE.replace("OUT", str(tmp_path / "out")).replace("URL", url))
        with pipeline.open_run(load(tmp_path / "p.yaml"), lines) as (plan, context):
            pipeline.everything(plan, context)
            return summarize(context, None, monotonic())

    async def go() -> Summary:
        async with serve([busy, chat(choice("a"), choice("b", 1))]) as server:
            return await asyncio.to_thread(run, server.base_url)

    assert asyncio.run(go()).retries == {"rate_limited": 1}
    assert any(line.startswith("generate: 2 of 2, 1 retried (1 rate_limited)") for line in lines.lines)


def stubborn(request: Request) -> Reply:
    """Takes no seed, gives one completion too many, and tells its build."""
    if "seed" in request.body:
        return error(400, "Unknown parameter: 'seed'.")
    choices = [choice(f"{index}", index) for index in range(request.body.get("n", 1) + 1)]
    return reply({"model": "m", "choices": choices, "system_fingerprint": "fp_1"})


@pytest.mark.fault("H6", "H13", "H20")
def test_facts_about_a_server_are_stored_counted_and_shown(tmp_path: Path) -> None:
    entry: dict[str, Any] = {"id": "m", "root": "org/m", "max_model_len": 4096, "created": 1_700_000_000}

    async def go() -> list[list[str]]:
        async with serve([stubborn], [entry]) as server:
            told = [await asyncio.to_thread(generate, tmp_path, server.base_url, 3)]
            told.append(await asyncio.to_thread(generate, tmp_path, server.base_url, 4))
            entry.update(max_model_len=2048)
            told.append(await asyncio.to_thread(generate, tmp_path, server.base_url, 5))
            checks = await asyncio.to_thread(examine, load(tmp_path / "p.yaml"))
            assert any("left out seed" in check.message for check in checks if check.outcome == "warn")
            return told

    first, same, changed = asyncio.run(go())
    assert (first, same) == ([], [])
    assert len(changed) == 1
    assert "its max_model_len was 4096 and is 2048" in changed[0]
    counted = "SELECT remark, value, count(DISTINCT run) AS runs, sum(times)::INT AS times FROM server_observations GROUP BY ALL ORDER BY ALL"
    assert [tuple(row.values()) for row in rows(tmp_path / "p.yaml", counted)] == [
        ("created", "1700000000", 3, 3),
        ("fingerprint", "fp_1", 3, 5),
        ("left out", "seed", 3, 5),
        ("max_model_len", "2048", 1, 1),
        ("max_model_len", "4096", 2, 2),
        ("root", "org/m", 3, 3),
        ("surplus", "completions", 3, 5),
    ]
    config = load(tmp_path / "p.yaml")
    with Store(config.store_path) as store:
        assert {row["remark"] for row in pipeline.status(config, store)["remarks"]} >= {"left out", "surplus", "root"}
        assert "left out seed 3 5" in Page(render(store, config.pipeline)).words


LISTS: list[tuple[str, dict[str, Any], list[tuple[str, str]]]] = [
    (
        "all of it",
        {"id": "m", "root": "r", "max_model_len": 9, "created": 1},
        [("root", "r"), ("max_model_len", "9"), ("created", "1")],
    ),
    ("vllm", {"id": "m", "owned_by": "vllm"}, [("version", "0.9")]),
    ("created now", {"id": "m", "created": 2**40}, []),
    ("another model", {"id": "n", "root": "r"}, []),
    ("senseless", {"id": "m", "root": None, "max_model_len": [], "created": {}}, []),
]


@pytest.mark.fault("H20")
@pytest.mark.parametrize(("entry", "said"), [row[1:] for row in LISTS], ids=[row[0] for row in LISTS])
def test_an_introduction_holds_the_facts_of_the_model_list(entry: dict[str, Any], said: list[tuple[str, str]]) -> None:
    async def go() -> list[tuple[str, str]]:
        async with serve([reply({"version": "0.9"})], [entry]) as server, OpenAI(config(server.base_url)) as model:
            await model.meet()
            return list(model.remarks)

    assert asyncio.run(go()) == said


def config(url: str, **options: Any) -> OpenAIModel:
    return OpenAIModel(kind="openai", model="m", base_url=url, **options)


async def listening(port: int, replies: list[bytes]) -> asyncio.Server:
    """A server that answers with these, the last one again and again."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_body(reader)
        body = replies.pop(0) if len(replies) > 1 else replies[0]
        writer.write(body)
        writer.close()

    return await asyncio.start_server(answer, "127.0.0.1", port)


def raw(status: int, answer: Reply) -> bytes:
    return b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n%b" % (status, len(answer.body), answer.body)


@pytest.mark.fault("H9")
def test_a_server_that_is_still_coming_up_is_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    async def go() -> str:
        async def start() -> asyncio.Server:
            await asyncio.sleep(0.1)
            loading, ready = raw(503, error(503, "Loading model")), raw(200, chat("fine"))
            return await listening(port, [loading, ready])

        starting = asyncio.create_task(start())
        async with OpenAI(config(f"http://127.0.0.1:{port}/v1", start_timeout=30.0)) as model:
            found = await model.complete(HELLO)
        async with await starting:
            return found[0].text

    assert asyncio.run(go()) == "fine"
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert f"waiting up to 30 s for http://127.0.0.1:{port}" in told


@pytest.mark.fault("H9")
def test_waiting_for_a_server_is_bounded(capsys: pytest.CaptureFixture[str]) -> None:
    async def go() -> None:
        async with OpenAI(config("http://127.0.0.1:1/v1", start_timeout=0.2)):
            raise AssertionError("there is no server")

    with pytest.raises(ModelError, match=r"no answer after 0\.2 s \(start_timeout\)") as caught:
        asyncio.run(go())
    assert (caught.value.kind, caught.value.fatal) == ("unreachable", True)


def test_a_server_that_answers_anything_is_not_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    async def go() -> None:
        async with await listening(0, [raw(404, error(404, "no list"))]) as server:
            port = server.sockets[0].getsockname()[1]
            async with OpenAI(config(f"http://127.0.0.1:{port}/v1", start_timeout=30.0)):
                pass

    asyncio.run(go())
    assert capsys.readouterr().err == ""

"""No secret reaches any artifact: a canary key is planted, everything is run, and everything that is left is searched."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from rlaif.config import load
from rlaif.core.errors import InputError
from tests.support.servers import Reply, Request, chat, error, reply, serve

CANARY = "sk-canary-5f0d2a9c7e41b863"

PIPELINE = """
name: canary
out: {out}
models:
  writer: {{kind: openai, model: m, base_url: "{url}", api_key: "env:CANARY_KEY", attempts: 1, timeout: 20}}
  critic: {{kind: openai, model: m, base_url: "{url}", api_key: "env:CANARY_KEY", attempts: 1, timeout: 20}}
judges:
  critic: {{model: critic, rubric: rubrics/grounded.yaml, attempts: 1}}
collect:
  sources: [{{path: prompts.jsonl, columns: {{document: document}}}}]
generate: {{model: writer, samples: 2}}
pair: {{}}
"""


def echo(request: Request) -> str:
    """What careless servers and proxies do: they say in their error what they were sent."""
    return json.dumps(request.headers)


def answer(request: Request) -> Reply:
    """Good answers, and by the prompt's number all the ways in which a header can come back."""
    text = request.body["messages"][0]["content"]
    number = int(text.split("report ")[1].split(".")[0]) if "report " in text else 0
    judging = "response_format" in request.body
    if judging:
        scores = {
            name: {"rationale": "fine", "score": 1 + len(text) % 5}
            for name in ("helpfulness", "faithfulness", "completeness")
        }
        good = json.dumps(scores)
    else:
        good = f"Answer to {number}."
    if number % 2 == int(judging):
        return chat(
            *[f"{good}{' ' * place}" for place in range(request.body.get("n", 1))],
            usage={"prompt_tokens": 9, "completion_tokens": 9},
        )
    return {
        0: error(400, f"bad request: {echo(request)}"),
        1: error(500, f"trouble: {echo(request)}"),
        2: Reply(f"<html>{echo(request)}</html>".encode(), headers={"content-type": "text/html"}),
        3: reply({"error": {"message": echo(request), "code": 429}}),
        4: chat(f"You sent {echo(request)}"),
        5: Reply(echo(request).encode(), 502),
        6: error(403, f"content policy: {echo(request)}"),
    }[number // 2 % 7]


async def rlaif(folder: Path, *arguments: str) -> tuple[int, str]:
    """Runs the command as people do; its exit code and all that it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "rlaif",
        *arguments,
        cwd=folder,
        env=os.environ | {"CANARY_KEY": CANARY},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 120)
    return process.returncode or 0, said.decode()


def dump(store: Path) -> str:
    """Every value of every table as text: strings are compressed in the file, where a search would not see them."""
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"ATTACH '{store}' AS store (READ_ONLY)")
        tables = connection.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'store'").fetchall()
        return "\n".join(str(connection.execute(f'SELECT * FROM store."{name}"').fetchall()) for (name,) in tables)


def project(folder: Path, url: str, prompts: int = 14) -> Path:
    rows = [{"prompt": f"Sum up report {number}.", "document": f"Crates {number}."} for number in range(prompts)]
    (folder / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "canary.yaml").write_text(PIPELINE.format(out=folder / "out", url=url))
    return folder / "canary.yaml"


def leaks(folder: Path, said: dict[str, str]) -> list[str]:
    found = [name for name, text in said.items() if CANARY in text]
    found += [str(path) for path in folder.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]
    text = dump(folder / "out/store.duckdb")
    return found + (["store"] if CANARY in text else [])


@pytest.mark.slow
def test_a_key_that_servers_echo_is_in_no_artifact_and_no_output(tmp_path: Path) -> None:
    # `status`, `report`, `explain` and `export` are searched in tests/attacks/test_canary_secret.py.
    commands = ("run", "plan", "pair", "config", "doctor")

    async def everything() -> dict[str, str]:
        async with serve([answer]) as server:
            project(tmp_path, server.base_url)
            said = {}
            for command in commands:
                said[command] = (await rlaif(tmp_path, command, "canary.yaml"))[1]
            assert all(request.headers["authorization"] == f"Bearer {CANARY}" for request in server.chats)
            return said

    said = asyncio.run(everything())
    text = dump(tmp_path / "out/store.duckdb")
    kinds = ("rejected", "server", "malformed", "refused", "bad request: ", "trouble: ")
    assert all(kind in text for kind in kinds), "the echoes must have been stored"
    assert leaks(tmp_path, said) == []


@pytest.mark.parametrize("status", [401, 402, 404])
def test_a_key_that_is_echoed_by_a_refusal_is_not_in_the_message_that_ends_the_run(tmp_path: Path, status: int) -> None:
    async def refused() -> tuple[int, str]:
        async with serve([lambda request: error(status, f"no entry for {echo(request)}")]) as server:
            project(tmp_path, server.base_url)
            return await rlaif(tmp_path, "run", "canary.yaml")

    code, said = asyncio.run(refused())
    assert code == 6
    assert "no entry for" in said
    assert leaks(tmp_path, {"run": said}) == []


WRITTEN_OUT: list[tuple[str, Any]] = [
    ("models.writer.api_key", CANARY),
    ("models.writer.base_url", f"https://user:{CANARY}@example.com/v1"),
    ("models.writer.base_url", f"https://{CANARY}@example.com/v1"),
    ("models.writer.base_url", f"https://example.com/v1?api-key={CANARY}"),
    ("train.options.hub_token", CANARY),
    ("collect.sources.0.path", f"https://user:{CANARY}@example.com/prompts.jsonl"),
]


@pytest.mark.parametrize(("place", "value"), WRITTEN_OUT, ids=[place for place, _ in WRITTEN_OUT])
def test_a_secret_that_is_written_out_is_refused_and_not_repeated(tmp_path: Path, place: str, value: str) -> None:
    file = project(tmp_path, "http://127.0.0.1:1/v1", 1)
    with pytest.raises(InputError) as caught:
        load(file, [f"{place}={json.dumps(value)}"])
    assert CANARY not in str(caught.value)
    assert "env:" in str(caught.value) or "credentials" in str(caught.value)


@pytest.mark.parametrize("value", ["pad_token: '<pad>'", "eos_token: '<|end|>'", "max_length: 512"])
def test_text_that_is_not_a_secret_is_not_redacted(tmp_path: Path, value: str) -> None:
    file = project(tmp_path, "http://127.0.0.1:1/v1", 1)
    file.write_text(file.read_text() + f"train: {{options: {{{value}}}}}\n")
    assert load(file).pipeline.train

"""A canary secret in all places where a key can come back from: it is in no artifact and on no stream, in no spelling."""

import asyncio
import base64
import html
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import duckdb
import pytest

from rlaif.config import OpenAIModel, load
from rlaif.core.errors import InputError, ModelError
from rlaif.models.base import ChatRequest
from rlaif.models.openai.batch.client import OpenAIBatch
from rlaif.models.openai.client import OpenAI
from rlaif.models.openai.credentials import request_head
from tests.support.batch_server import Body, batches, line, said
from tests.support.servers import Reply, Request, chat, error, serve

CANARY = "sk-canary/5f0d+2a9c-7e41b863"
PASSWORD = f"proxy-{CANARY}"
KEPT = "and the rest is kept"

PIPELINE = """
name: canary
out: {out}
models:
  writer: {{kind: openai, model: m, base_url: "{url}", api_key: "env:CANARY_KEY", attempts: 1, timeout: 20, start_timeout: 20}}
judges:
  critic: {{model: writer, rubric: rubrics/grounded.yaml, attempts: 1}}
collect:
  sources: [{{path: prompts.jsonl, columns: {{document: document}}}}]
generate: {{model: writer, samples: 2}}
pair: {{}}
"""


def numbered(pattern: str) -> Callable[[str], str]:
    return lambda key: "".join(pattern.format(ord(character)) for character in key)


# How a key comes back, as it stands in a body of JSON or HTML.
SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": lambda key: key,
    "with escaped slashes": lambda key: key.replace("/", "\\/"),
    "with a few numbers": lambda key: key.replace("-", "\\u002d").replace("+", "\\u002B"),
    "all in numbers": numbered("\\u{:04x}"),
    "JSON in JSON": lambda key: json.dumps(key.replace("/", "\\/").replace("-", "\\u002d"))[1:-1],
    "for an address": lambda key: quote(key, safe="").replace("-", "%2D"),
    "for an address, twice": lambda key: quote(quote(key, safe="")),
    "for HTML": lambda key: key.replace("-", "&#45;").replace("/", "&#x2F;").replace("+", "&plus;"),
    "for HTML, twice": lambda key: html.escape(numbered("&#{:d};")(key)),
    "in capitals": str.upper,
    "in base64": lambda key: base64.b64encode(f"Authorization: Bearer {key}".encode()).decode(),
    "of Basic authentication": lambda key: base64.b64encode(f"user:{key}".encode()).decode(),
    "cut off": lambda key: key[:-5],
}
spellings = list(SPELLINGS.values())


def echo(request: Request, number: int) -> str:
    """What careless servers and proxies do: they repeat what they were sent, escaped in one way or another."""
    key = request.headers["authorization"].removeprefix("Bearer ")
    return f"Bearer {spellings[number % len(spellings)](key)} {KEPT}"


def raw(status: int, text: str, **headers: str) -> Reply:
    """A body that is JSON already."""
    return Reply(text.encode(), status, headers=headers)


def completions(request: Request, text: str) -> Reply:
    """A good reply with a text that is escaped for JSON already."""
    choices = ", ".join(
        f'{{"index": {place}, "finish_reason": "stop", "message": {{"content": "{text}{" " * place}"}}}}'
        for place in range(request.body.get("n", 1))
    )
    return raw(200, f'{{"id": "{id(request)}", "model": "m", "choices": [{choices}]}}')


def careless(request: Request) -> Reply:
    """Echoes the key in each of the ways by the number of the prompt: in texts, verdicts, headers, errors and redirects."""
    shown = request.body["messages"][0]["content"]
    found = re.search("report ([0-9]+)", shown)
    number = int(found[1]) if found else 0
    said = echo(request, number)
    if "response_format" in request.body:
        names = request.body["response_format"]["json_schema"]["schema"]["required"]
        verdict = json.dumps({name: {"rationale": "SAID", "score": 1 + len(shown) % 5} for name in names})
        return completions(request, json.dumps(verdict)[1:-1].replace("SAID", said.replace("\\", "\\\\")))
    match number // len(spellings):
        case 0:
            return completions(request, f"Answer {number}: {said}")
        case 1:
            return raw(400, f'{{"error": {{"message": "{"x" * 380} {said}"}}}}')
        case 2:
            return raw(429, f'{{"error": {{"message": "{said}"}}}}', **{"retry-after": "0.01", "x-echo": said})
        case 3:
            return raw(503, f"<html>{said}</html>")
        case 4:
            return raw(307, said, location=f"https://elsewhere.example/{said}")
        case _:
            return raw(200, f"{{not JSON: {said}}}")


async def rlaif(folder: Path, *arguments: str, **variables: str) -> tuple[int, str]:
    """Runs the command as people do; its exit code and everything that it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "rlaif",
        *arguments,
        cwd=folder,
        env=os.environ | {"CANARY_KEY": CANARY} | variables,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 120)
    return process.returncode or 0, said.decode()


def project(folder: Path, url: str, prompts: int) -> Path:
    rows = [{"prompt": f"Sum up report {number}.", "document": f"Crates {number}."} for number in range(prompts)]
    (folder / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "canary.yaml").write_text(PIPELINE.format(out=folder / "out", url=url))
    return folder / "canary.yaml"


def plain(text: str) -> str:
    """A text with all escapes resolved, however many there are."""
    before = ""
    while text != before:
        before = text
        text = re.sub(r"\\+u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
        text = re.sub(r"\\+(?=[/+-])", "", html.unescape(unquote(text)))
    return text.lower()


def needles(secret: str) -> list[str]:
    """The start of the secret, and what base64 makes of it, wherever it begins."""
    encoded = [base64.b64encode(b"x" * place + secret.encode()).decode()[4:24].lower() for place in range(3)]
    return [secret[:14].lower(), *encoded]


def holds(text: str, *secrets: str) -> bool:
    found = plain(text)
    return any(needle in found for secret in secrets for needle in needles(secret))


def leaks(folder: Path, streams: dict[str, str], *secrets: str) -> list[str]:
    """Where a secret is: on a stream, in a file, or in a table, whose strings are compressed in the file."""
    found = [name for name, text in streams.items() if holds(text, *secrets)]
    for path in folder.rglob("*"):
        if path.is_file() and holds(path.read_bytes().decode("latin-1"), *secrets):
            found.append(str(path))
    for path in folder.rglob("*.duckdb"):
        with duckdb.connect(":memory:") as connection:
            connection.execute(f"ATTACH '{path}' AS store (READ_ONLY)")
            tables = connection.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'store'").fetchall()
            for (name,) in tables:
                rows = connection.execute(f'SELECT * FROM store."{name}"').fetchall()
                found += [f"{path}: {name}" for row in rows if any(holds(str(value), *secrets) for value in row)][:1]
    return found


def table(folder: Path, query: str) -> list[Any]:
    with duckdb.connect(str(folder / "out/store.duckdb"), read_only=True) as connection:
        return connection.execute(query).fetchall()


def test_the_search_finds_each_spelling() -> None:
    for name, spelling in SPELLINGS.items():
        assert holds(f"x {spelling(CANARY)} y", CANARY), name


def test_a_key_that_a_server_repeats_is_in_no_artifact_and_on_no_stream(tmp_path: Path) -> None:
    commands = [["run"], ["status"], ["report"], ["explain", "0"], ["export", "exported"]]

    async def everything() -> dict[str, str]:
        loading = [raw(503, f"loading, {spelling(CANARY)}") for spelling in spellings[:3]]
        async with serve([careless], loading=loading) as server:
            project(tmp_path, server.base_url, 6 * len(spellings))
            streams = {}
            for command, *rest in commands:
                streams[command] = (await rlaif(tmp_path, command, "canary.yaml", *rest))[1]
            assert {request.headers["authorization"] for request in server.chats} == {f"Bearer {CANARY}"}
            return streams

    streams = asyncio.run(everything())
    assert "waiting up to 20 s" in streams["run"], "the 503 of the start must have been shown"
    assert "rlaif: sends the key in CANARY_KEY to 127.0.0.1" in streams["run"]
    texts = [text for (text,) in table(tmp_path, "SELECT text FROM responses WHERE failure IS NULL")]
    verdicts = [raw for (raw,) in table(tmp_path, "SELECT raw FROM verdicts WHERE failure IS NULL")]
    kinds = {kind for (kind,) in table(tmp_path, "SELECT DISTINCT failure FROM responses")}
    assert len(texts) == 2 * len(spellings)
    assert all(KEPT in text for text in texts), "the rest of the text is kept"
    assert len(verdicts) > len(spellings)
    assert all(KEPT in raw for raw in verdicts)
    assert {"rejected", "rate_limited", "server", "malformed"} <= kinds
    assert leaks(tmp_path, streams, CANARY) == []
    card = next((tmp_path / "exported").rglob("README.md")).read_text()
    assert "(a server of our own)" in card
    assert "127.0.0.1" not in card


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_a_key_in_the_refusal_that_ends_a_run_is_not_shown(spelling: Callable[[str], str]) -> None:
    async def refused(status: int) -> ModelError:
        said = raw(status, f'{{"error": {{"message": "{"x" * 385} {spelling(CANARY)} {KEPT}"}}}}')
        async with serve([said]) as server:
            config = OpenAIModel(kind="openai", model="m", base_url=server.base_url, attempts=1)
            async with OpenAI(config, key=CANARY) as model:
                with pytest.raises(ModelError) as caught:
                    await model.complete(ChatRequest([{"role": "user", "content": "hello"}]))
                return caught.value

    for status in (401, 402, 404):
        found = asyncio.run(refused(status))
        assert KEPT in found.raw
        assert not holds(f"{found} {found.raw} {found!r}", CANARY)


def test_the_password_of_a_proxy_is_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def proxy(request: Request) -> Reply:
        sent = request.headers.get("proxy-authorization", "")
        good = "response_format" not in request.body and len(request.path) % 2 == 0
        if good:
            return chat(*[f"sent {sent} {PASSWORD} {place}" for place in range(request.body.get("n", 1))])
        return error(502, f"proxy of user:{PASSWORD}@proxy: {sent} http://user:{quote(PASSWORD, safe='')}@proxy/")

    password = quote(PASSWORD, safe="")

    async def run() -> tuple[str, bool]:
        async with serve([proxy]) as server:
            file = project(tmp_path, "http://models.example/v1", 2)
            file.write_text(file.read_text().replace("start_timeout: 20", ""))
            address = server.base_url.replace("http://", f"http://user:{password}@").removesuffix("/v1")
            _, said = await rlaif(tmp_path, "run", "canary.yaml", HTTP_PROXY=address, http_proxy=address, NO_PROXY="")
            return said, any("proxy-authorization" in request.headers for request in server.chats)

    async def gone() -> str:
        config = OpenAIModel(kind="openai", model="m", base_url="http://models.example/v1", attempts=1)
        async with OpenAI(config, key=CANARY) as model:
            with pytest.raises(ModelError) as caught:
                await model.complete(ChatRequest([{"role": "user", "content": "hello"}]))
            return f"{caught.value} {caught.value.raw}"

    there, sent = asyncio.run(run())
    assert sent, "the proxy must have had its password"
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, f"http://user:{password}@127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    said = asyncio.run(gone())
    assert "127.0.0.1" in said
    assert leaks(tmp_path, {"there": there, "gone": said}, PASSWORD, CANARY) == []


@pytest.mark.parametrize(
    "address",
    [
        f"https://user:{quote(CANARY, safe='')}@models.example/v1",
        f"https://{quote(CANARY, safe='')}@models.example/v1",
        f"https://user:{CANARY}@models.example/v1",
        f"user:{CANARY}@models.example/v1",
        f"//user:{CANARY}@models.example/v1",
        f"https://models.example/v1?key={CANARY}",
        f"https://models.example/v1?k={CANARY}",
        f"https://models.example/v1#{CANARY}",
        f"https://models.example/v1?a=b;access_token={CANARY}",
        f"https://[models.example/v1?k={CANARY}",
    ],
)
def test_an_address_with_a_secret_is_refused_and_not_repeated(tmp_path: Path, address: str) -> None:
    file = project(tmp_path, "http://127.0.0.1:1/v1", 1)
    for override in (f"models.writer.base_url={json.dumps(address)}", f"models.writer.base_url=[{json.dumps(address)}]"):
        with pytest.raises(InputError) as caught:
            load(file, [override])
        assert not holds(f"{caught.value} {caught.value!r}", CANARY)
        assert "models.writer.base_url" in str(caught.value)


@pytest.mark.parametrize(
    "key", [f"env:{CANARY}", "env:", "env:MY KEY", "env:9KEY", "ENV:KEY", "env:KEY\n", f"env: {CANARY}", "KEY"]
)
def test_a_key_can_only_be_the_name_of_an_environment_variable(tmp_path: Path, key: str) -> None:
    file = project(tmp_path, "http://127.0.0.1:1/v1", 1)
    with pytest.raises(InputError) as caught:
        load(file, [f"models.writer.api_key={json.dumps(key)}"])
    assert not holds(str(caught.value), CANARY)


@pytest.mark.parametrize(
    "character", ["—", "“", "\u200b", "\n", "\r", "\t", " ", "é", "中", "\x00", "\x7f", "\u202e", "\ufeff", "😀"]
)
def test_a_key_that_http_cannot_carry_is_refused_with_its_variable(character: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "CANARY_KEY"
    key = f"sk-canary-{character}5f0d2a9c7e41b863"
    if character == "\x00":
        return  # no variable can hold it
    monkeypatch.setenv(name, key)
    with pytest.raises(
        InputError, match=rf"CANARY_KEY cannot be sent: its character 11 is U\+{ord(character):04X}"
    ) as caught:
        OpenAI(
            OpenAIModel(kind="openai", model="m", base_url="https://models.example/v1", api_key=f"env:{name}"),
            where="p.yaml:3",
        )
    assert "5f0d" not in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(("value", "why"), [(None, "is not set"), ("", "is empty"), (" \n", "is empty")])
def test_a_key_that_is_missing_or_empty_is_refused_with_the_reason(
    value: str | None, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CANARY_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("CANARY_KEY", value)
    config = OpenAIModel(kind="openai", model="m", base_url="https://models.example/v1", api_key="env:CANARY_KEY")
    with pytest.raises(InputError, match=f"CANARY_KEY {why}; https://models.example/v1 needs a key"):
        OpenAI(config)


def test_environment_variables_of_a_vendor_are_sent_only_to_that_vendor(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, CANARY)
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", f"X-Own: {CANARY}")

    async def run() -> list[Request]:
        async with serve([chat("fine")]) as server:
            config = OpenAIModel(kind="openai", model="m", base_url=server.base_url)
            async with OpenAI(config, key="sk-the-key-of-this-server") as model:
                await model.meet()
                await model.complete(ChatRequest([{"role": "user", "content": "hello"}]))
            return server.requests

    requests = asyncio.run(run())
    assert len(requests) == 2
    assert not [request for request in requests if CANARY in str(request.headers)]
    config = OpenAIModel(kind="openai", model="m")
    head = asyncio.run(request_head(config, "https://api.openai.com/v1", "sk-the-key-of-this-server"))
    assert (head.headers["openai-organization"], head.headers["x-own"]) == (CANARY, CANARY)


def test_a_key_in_a_batch_is_in_no_answer_no_error_and_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY_KEY", CANARY)
    asks = [ChatRequest([{"role": "user", "content": str(number)}]) for number in range(2 * len(spellings))]

    def answer(name: str, body: Body) -> Body:
        number = int(body["messages"][-1]["content"])
        text = f"Bearer {spellings[number % len(spellings)](CANARY)} {KEPT}"
        good = number < len(spellings)
        return line(name, said(body, text) if good else {"error": {"message": "x" * 385 + text}}, 200 if good else 400)

    async def run(url: str) -> list[Any]:
        config = OpenAIModel(kind="openai", model="m", base_url=url, api_key="env:CANARY_KEY", mode="batch", attempts=1)
        async with OpenAIBatch(config, folder=tmp_path / "batches", quiet=0.05, poll=(0.01, 0.05), pause=0.01) as model:
            return await asyncio.gather(*(model.complete(ask) for ask in asks), return_exceptions=True)

    with batches(answer=answer) as server:
        found = asyncio.run(run(server.base_url))
        server.statuses, server.errors = ["failed"], [{"code": "x", "message": f"no, {CANARY}"}]
        asks = [ChatRequest([{"role": "user", "content": "99"}])]
        (failed,) = asyncio.run(run(server.base_url))
    texts = [each[0].text for each in found if isinstance(each, list)]
    errors = [f"{each} {each.raw}" for each in found if isinstance(each, ModelError)]
    assert (len(texts), len(errors)) == (len(spellings), len(spellings))
    assert all(KEPT in text for text in texts + errors)
    assert "no, ***" in str(failed)
    assert leaks(tmp_path, {"answers": "\n".join(texts), "errors": "\n".join(errors), "end": str(failed)}, CANARY) == []

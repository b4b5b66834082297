import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from rlaif.config import OpenAIModel
from rlaif.core.errors import InputError, ModelError
from rlaif.models.base import ChatRequest, Completion, Sampling
from rlaif.models.openai.client import OpenAI
from rlaif.models.openai.credentials import addresses, package_head, request_head
from rlaif.models.openai.request import body
from rlaif.models.registry import open_model
from tests.support.servers import Reply, Request, Script, Server, chat, choice, error, reply, serve

HELLO = ChatRequest([{"role": "user", "content": "hello"}])
TWO = ChatRequest(HELLO.messages, seeds=(1, 2))
SECRET = "sk-canary-0123456789"


def config(base_url: str, **options: Any) -> OpenAIModel:
    return OpenAIModel(kind="openai", **{"model": "m", "base_url": base_url, "timeout": 5.0, "attempts": 3, **options})


def talk(script: Sequence[Script], ask: ChatRequest = HELLO, **options: Any) -> tuple[list[Completion], Server]:
    """What one ask gets from a server with this script, and what the server saw."""

    async def run() -> tuple[list[Completion], Server]:
        async with serve(script) as server, OpenAI(config(server.base_url, **options), pause=0.001) as model:
            return await model.complete(ask), server

    return asyncio.run(run())


def fail(script: Sequence[Script], ask: ChatRequest = HELLO, **options: Any) -> tuple[ModelError, Server]:
    async def run() -> tuple[ModelError, Server]:
        async with serve(script) as server, OpenAI(config(server.base_url, **options), pause=0.001) as model:
            with pytest.raises(ModelError) as caught:
                await model.complete(ask)
            return caught.value, server

    return asyncio.run(run())


FINE = chat("fine")
TRANSIENT: list[tuple[str, Reply]] = [
    ("429", error(429, "slow down", headers={"retry-after": "0.01"})),
    ("500", error(500, "oops")),
    ("502 with HTML", Reply(b"<html>bad gateway</html>", 502)),
    ("503", Reply(b"", 503)),
    ("520", Reply(b"", 520)),
    ("529", error(529, "overloaded_error")),
    ("408", Reply(b"", 408)),
    ("409", Reply(b"", 409)),
    ("closed before the headers", Reply(close=True)),
    ("cut in the body", chat("long enough to cut", cut=20)),
    ("never answered", Reply(hang=30)),
    ("a drip of bytes", chat("fine", drip=0.05)),
    ("gzip that is none", chat("fine", headers={"content-encoding": "gzip"})),
    ("200 with HTML", Reply(b"<html>", headers={"content-type": "text/html"})),
    ("200, empty", Reply()),
    ("200 with an error", reply({"error": {"message": "try again", "code": 502}})),
    ("no choices", reply({"choices": None})),
    ("empty choices", reply({"choices": []})),
    ("no text", chat(choice(None))),
    ("only reasoning", chat(choice(None, reasoning_content="hmm"))),
    ("truncated JSON", Reply(b'{"choices": [{"ind')),
]


@pytest.mark.fault("H3", "H4", "H10", "H12")
@pytest.mark.parametrize("fault", [fault for _, fault in TRANSIENT], ids=[name for name, _ in TRANSIENT])
def test_a_transient_fault_is_survived_by_one_retry(fault: Reply) -> None:
    found, server = talk([fault, FINE], timeout=0.4)
    assert [each.text for each in found] == ["fine"]
    assert len(server.chats) == 2


LASTING: list[tuple[str, Reply, str, int]] = [
    ("429", error(429, "slow", headers={"retry-after-ms": "1"}), "rate_limited", 3),
    ("500", error(500, "oops"), "server", 3),
    ("529", error(529, "overloaded_error"), "rate_limited", 3),
    ("cut", chat("long enough to cut", cut=20), "connection", 3),
    ("never reached", Reply(close=True), "unreachable", 3),
    ("HTML", Reply(b"<html>"), "malformed", 3),
    ("unpaid", error(429, "You exceeded your current quota", "insufficient_quota"), "quota", 1),
    ("402", error(402, "pay"), "quota", 1),
    ("401", error(401, "bad key"), "auth", 1),
    ("403", error(403, "not yours"), "auth", 1),
    ("context", error(400, "maximum context length is 8192 tokens", "context_length_exceeded"), "context_overflow", 1),
    ("413", Reply(b"", 413), "context_overflow", 1),
    ("bad parameter", error(400, "logprobs is not supported"), "rejected", 1),
    ("422", error(422, "n must be 1"), "rejected", 1),
    ("redirect", Reply(status=307, headers={"location": "http://127.0.0.1:9/v1/chat/completions"}), "rejected", 1),
    ("a gigabyte", Reply(b"{", headers={"content-length": "1000000000"}, hang=0.01), "oversized", 1),
]


@pytest.mark.fault("H2", "H3", "H5", "H17", "H18")
@pytest.mark.parametrize(("fault", "kind", "tries"), [row[1:] for row in LASTING], ids=[row[0] for row in LASTING])
def test_a_lasting_fault_has_a_kind_and_is_retried_a_bounded_number_of_times(fault: Reply, kind: str, tries: int) -> None:
    found, server = fail([fault])
    assert found.kind == kind
    assert len(server.chats) == tries
    assert server.base_url in str(found)


@pytest.mark.fault("H11")
def test_the_deadline_is_for_the_whole_attempt() -> None:
    for fault in (Reply(hang=30), chat("x" * 200, drip=0.05)):
        found, server = fail([fault], timeout=0.2, attempts=2)
        assert (found.kind, len(server.chats)) == ("timeout", 2)


@pytest.mark.fault("H11")
def test_all_attempts_together_are_bounded_in_time() -> None:
    found, server = fail([error(503, "later", headers={"retry-after": "30"})], timeout=0.1, attempts=50)
    assert (found.kind, len(server.chats)) == ("server", 1)


@pytest.mark.fault("H9")
def test_a_missing_server_is_unreachable() -> None:
    async def run() -> None:
        async with OpenAI(config("http://127.0.0.1:9/v1"), pause=0.001) as model:
            with pytest.raises(ModelError) as caught:
                await model.complete(HELLO)
            assert caught.value.kind == "unreachable"

    asyncio.run(run())


@pytest.mark.fault("H9")
def test_a_server_that_speaks_no_tls_is_unreachable_by_it() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async def run() -> None:
        server = await asyncio.start_server(refuse, "127.0.0.1", 0)
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        async with server, OpenAI(config(url, attempts=1)) as model:
            with pytest.raises(ModelError, match="SSL") as caught:
                await model.complete(HELLO)
        assert caught.value.kind == "unreachable"

    asyncio.run(run())


@pytest.mark.fault("H8")
def test_an_unknown_model_names_those_that_the_server_has() -> None:
    found, _ = fail([error(404, "no such model")], model="n")
    assert (found.kind, found.fatal) == ("unknown_model", True)
    assert "Known: m." in str(found)


@pytest.mark.fault("H16")
@pytest.mark.parametrize(
    "refusal",
    [
        chat(choice(None, refusal="I cannot")),
        chat(choice("", finish="content_filter")),
        chat(choice(None, finish="content_filter")),
        error(400, "The response was filtered", "content_filter"),
        error(403, "Your input was flagged by moderation"),
    ],
)
def test_a_refusal_is_an_answer_not_an_error(refusal: Reply) -> None:
    found, server = talk([refusal])
    assert [each.finish for each in found] == ["refused"]
    assert len(server.chats) == 1


@pytest.mark.fault("H13")
@pytest.mark.parametrize(
    "first",
    [
        chat("a"),
        chat(choice("a", 0), choice("other", 0)),
        chat(choice("a", 0), choice(None, 1)),
        chat(choice("a", 0), choice("other", 7)),
    ],
    ids=["n ignored", "index twice", "one without text", "index out of range"],
)
def test_missing_completions_are_requested_singly(first: Reply) -> None:
    found, server = talk([first, chat("b")], TWO)
    assert [each.text for each in found] == ["a", "b"]
    assert [request.body.get("n") for request in server.chats] == [2, None]
    assert [request.body["seed"] for request in server.chats] == [1, 2]


@pytest.mark.fault("H13")
def test_surplus_completions_are_dropped_and_order_is_by_index() -> None:
    found, server = talk([chat(choice("b", 1), choice("a", 0), choice("c", 2))], TWO)
    assert [each.text for each in found] == ["a", "b"]
    assert len(server.chats) == 1


def test_a_request_carries_all_settings() -> None:
    schema = {"type": "object", "properties": {"score": {"type": "integer"}}}
    ask = ChatRequest(HELLO.messages, Sampling(0.5, 0.9, 77), seeds=(2**40 + 5,), schema=schema, top_logprobs=5)
    _, server = talk([FINE], ask)
    assert server.chats[0].body == {
        "model": "m",
        "messages": HELLO.messages,
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 77,
        "seed": 5,
        "logprobs": True,
        "top_logprobs": 5,
        "response_format": {"type": "json_schema", "json_schema": {"name": "verdict", "strict": True, "schema": schema}},
    }
    _, server = talk([FINE], ask, structured="json_object", max_tokens_field="max_completion_tokens")
    assert server.chats[0].body["response_format"] == {"type": "json_object"}
    assert server.chats[0].body["max_completion_tokens"] == 77
    _, server = talk([FINE], ask, structured="none")
    assert "response_format" not in server.chats[0].body


def test_no_more_requests_are_in_flight_than_allowed() -> None:
    async def run() -> int:
        async with serve([chat("fine", hang=0.02)]) as server:
            async with OpenAI(config(server.base_url, concurrency=3)) as model:
                await asyncio.gather(*(model.complete(HELLO) for _ in range(12)))
            return server.most_in_flight

    assert asyncio.run(run()) == 3


PLACEHOLDERS = ["x", "5", "test", "EMPTY", "lm-studio", "experimental"]


@pytest.mark.parametrize("key", [*PLACEHOLDERS, "token-abc123", "7b1f0c9d2e64a853", SECRET])
def test_a_placeholder_for_a_key_changes_no_answer_and_a_key_is_in_none(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    (found,), server = talk([chat(f"My {key}.", usage={"prompt_tokens": 25, "completion_tokens": 5})])
    assert server.chats[0].headers["authorization"] == f"Bearer {key}"
    assert found.text == (f"My {key}." if key in PLACEHOLDERS else "My ***.")
    assert (found.prompt_tokens, found.output_tokens) == (25, 5)


def test_the_key_is_sent_and_appears_in_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    _, server = talk([FINE])
    assert server.chats[0].headers["authorization"] == f"Bearer {SECRET}"
    found, _ = fail([error(401, f"Incorrect API key provided: {SECRET}")])
    assert "Incorrect API key" in str(found)
    assert SECRET not in f"{found} {found.raw} {found!r}"


def test_a_missing_key_is_named_but_not_needed_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    talk([FINE])
    with pytest.raises(InputError, match="OPENAI_API_KEY") as caught:
        open_model(config("https://models.example/v1"), where="p.yaml:7 models.m")
    assert caught.value.where == "p.yaml:7 models.m"


@pytest.mark.fault("H19")
def test_no_environment_variable_sends_requests_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/elsewhere")
    (address,) = addresses(None)
    head = asyncio.run(request_head(OpenAIModel(kind="openai", model="m"), address, SECRET))
    assert head.url == "https://api.openai.com/v1/chat/completions"


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:8000/v1", "https://models.example/v1/", "http://localhost", "https://a-b.example:59999/api/v2"],
)
def test_an_ordinary_server_gets_the_request_that_the_package_would_build(address: str) -> None:
    config = OpenAIModel(kind="openai", model="m", base_url=address)
    ours = asyncio.run(request_head(config, address, SECRET))
    theirs = asyncio.run(package_head(config, address, SECRET))
    assert ours.url == theirs.url
    assert ours.headers | {"user-agent": ""} == theirs.headers | {"user-agent": ""}


def test_azure_requests_are_written_as_azure_wants_them() -> None:
    config = OpenAIModel(kind="openai", model="ours", base_url="https://x.openai.azure.com", api_version="2026-01-01")
    head = asyncio.run(request_head(config, "https://x.openai.azure.com", SECRET))
    assert head.url == "https://x.openai.azure.com/openai/deployments/ours/chat/completions?api-version=2026-01-01"
    assert head.headers["api-key"] == SECRET


DIALECTS: list[tuple[str, Reply, str, int]] = [
    ("n", error(400, "Invalid value for 'n': must be 1"), "n", 3),
    ("n of a value", error(422, "n must be 1"), "n", 3),
    ("multiple completions", error(400, "multiple completions are not supported"), "n", 3),
    ("seed", error(400, "Unknown parameter: 'seed'."), "seed", 2),
    ("max_tokens", error(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."), "max_tokens", 2),
]


@pytest.mark.fault("H6")
@pytest.mark.parametrize(
    ("refusal", "given_up", "requests"), [row[1:] for row in DIALECTS], ids=[row[0] for row in DIALECTS]
)
def test_a_parameter_that_a_server_refuses_is_left_out_from_then_on(refusal: Reply, given_up: str, requests: int) -> None:
    def answer(request: Request) -> Reply:
        return refusal if given_up in request.body else chat(*["a", "b"][: request.body.get("n", 1)])

    async def run() -> tuple[list[int], Server]:
        async with serve([answer]) as server, OpenAI(config(server.base_url), pause=0.001) as model:
            counts = []
            for _ in range(2):
                before = len(server.chats)
                assert len(await model.complete(TWO)) == 2
                counts.append(len(server.chats) - before)
            return counts, server

    counts, server = asyncio.run(run())
    assert counts == [requests, requests - 1]
    assert given_up not in server.chats[-1].body


@pytest.mark.fault("H6")
def test_the_basis_of_a_judgement_is_never_left_out() -> None:
    for said in ("logprobs is not supported", "response_format json_schema is not supported"):
        found, server = fail([error(400, said)])
        assert (found.kind, len(server.chats)) == ("rejected", 1)


@pytest.mark.fault("H13")
def test_a_server_that_ignores_n_gets_single_requests_after_a_while() -> None:
    async def run() -> list[Any]:
        async with serve([FINE]) as server, OpenAI(config(server.base_url), pause=0.001) as model:
            for _ in range(5):
                assert len(await model.complete(TWO)) == 2
            return [request.body.get("n") for request in server.chats]

    assert asyncio.run(run()) == [2, None] * 3 + [None] * 4


@pytest.mark.fault("H7")
def test_a_forbidden_request_ends_the_run_at_first_and_is_the_requests_own_fault_later() -> None:
    forbidden = error(403, "not allowed")
    assert fail([forbidden])[0].kind == "auth"

    async def run() -> ModelError:
        async with serve([FINE, forbidden]) as server, OpenAI(config(server.base_url)) as model:
            await model.complete(HELLO)
            with pytest.raises(ModelError) as caught:
                await model.complete(HELLO)
            return caught.value

    assert asyncio.run(run()).kind == "rejected"


@pytest.mark.fault("H13")
def test_received_completions_are_kept_if_another_fails() -> None:
    found, server = fail([chat("a"), error(400, "no more")], TWO)
    assert (found.kind, len(server.chats)) == ("rejected", 2)
    assert [(place, completion.text) for place, completion in found.found.items()] == [(0, "a")]


def test_a_key_with_a_line_break_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-one\r\nx-other: two")

    async def run() -> None:
        async with OpenAI(config("http://127.0.0.1:9/v1")):
            pass

    with pytest.raises(InputError, match=r"key in OPENAI_API_KEY cannot be sent: its character 7 is U\+000D"):
        asyncio.run(run())


@pytest.mark.fault("H9")
@pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1/v1", "http://a..b/v1", f"http://{'a' * 70}/v1"])
def test_an_invalid_address_is_reported(url: str) -> None:
    async def run() -> None:
        async with OpenAI(config(url), key="x", where="p.yaml:3 models.m"):
            pass

    with pytest.raises(InputError, match="not the address of a server"):
        asyncio.run(run())


def test_tools_of_a_prompt_are_sent_as_tools_and_not_inside_its_messages() -> None:
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
    turn = {"role": "user", "content": "Is it warm?", "tools": tools}
    call = {"role": "assistant", "content": "", "tool_calls": [{"id": "1", "function": {"name": "weather"}}]}
    sent = body(OpenAIModel(kind="openai", model="m"), ChatRequest([turn, call], Sampling(0.0)), (1,))
    assert sent["tools"] == tools
    assert sent["messages"] == [{"role": "user", "content": "Is it warm?"}, call]
    system = {"role": "system", "content": "Be brief."}
    after = body(OpenAIModel(kind="openai", model="m"), ChatRequest([system, turn], Sampling(0.0)), (1,))
    assert after["tools"] == tools, "a generator's system prompt comes before the turn with the tools"

"""The client of Anthropic's Messages API: requests, replies, errors, retries and the prompt cache."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from rlaif.config import AnthropicModel, load
from rlaif.core.errors import InputError, ModelError
from rlaif.models.anthropic.client import Anthropic
from rlaif.models.anthropic.reply import read_message
from rlaif.models.anthropic.request import body, is_shared
from rlaif.models.base import ChatRequest, Completion, Sampling
from rlaif.models.openai.errors import RequestError
from rlaif.models.registry import identity, open_model
from rlaif.pipeline.resolve import resolve
from tests.support.servers import Reply, Script, Server, reply, serve

KEY = "sk-ant-0123456789abcdefghij"
DOCUMENT = "The bridge opened in 1932. " * 200 + "It is closed on Mondays."
SCHEMA = {
    "type": "object",
    "properties": {"score": {"type": "integer", "minimum": 1, "maximum": 5}},
    "required": ["score"],
    "additionalProperties": False,
}


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)


def config(**options: Any) -> AnthropicModel:
    return AnthropicModel(kind="anthropic", model="claude", **options)


def ask(*turns: tuple[str, str], **options: Any) -> ChatRequest:
    listed = turns or (("user", "Question?"),)
    return ChatRequest([{"role": role, "content": text} for role, text in listed], **options)


def message(text: str = "fine", stop: str | None = "end_turn", **fields: Any) -> dict[str, Any]:
    counts = {"input_tokens": 10, "output_tokens": 3}
    content = [{"type": "text", "text": text}] if text else []
    whole = {"type": "message", "role": "assistant", "model": "claude", "content": content}
    return whole | {"stop_reason": stop, "usage": counts} | fields


def problem(status: int, kind: str, said: str, **options: Any) -> Reply:
    return reply({"type": "error", "error": {"type": kind, "message": said}}, status, **options)


def completed(
    script: Sequence[Script], asks: Sequence[ChatRequest], **options: Any
) -> tuple[Server, list[list[Completion] | BaseException], Anthropic]:
    """What each of these requests, sent at once, came to."""

    async def run() -> Any:
        async with (
            serve(script) as server,
            Anthropic(config(base_url=server.base_url, **options), pause=0.01) as model,
        ):
            found = await asyncio.gather(*(model.complete(each) for each in asks), return_exceptions=True)
            return server, found, model

    return asyncio.run(run())


def test_the_system_prompt_and_developer_turns_move_to_system() -> None:
    found = body(
        config(), ask(("system", "Be kind."), ("developer", "Be brief."), ("user", "Q"), ("assistant", "A"), ("user", "R"))
    )
    assert found["system"] == "Be kind.\n\nBe brief."
    assert [turn["role"] for turn in found["messages"]] == ["user", "assistant", "user"]
    assert found["max_tokens"] == 1024


SENT = {
    "a default temperature": (Sampling(0.0, chosen=False), {}),
    "no temperature": (Sampling(None), {}),
    "a chosen temperature": (Sampling(0.5), {"temperature": 0.5}),
    "top_p": (Sampling(0.0, 0.9, chosen=False), {"top_p": 0.9}),
}


@pytest.mark.parametrize(("sampling", "expected"), SENT.values(), ids=SENT)
def test_sampling_parameters_are_sent_only_if_they_were_chosen(sampling: Sampling, expected: dict[str, float]) -> None:
    found = body(config(), ask(sampling=sampling, top_logprobs=0, seeds=(7,)))
    assert {name: found[name] for name in found.keys() - {"model", "max_tokens", "messages"}} == expected


def test_a_schema_is_sent_in_the_form_that_the_api_knows_beside_other_output_options() -> None:
    found = body(config(extra={"output_config": {"effort": "low"}, "thinking": {"type": "adaptive"}}), ask(schema=SCHEMA))
    assert found["thinking"] == {"type": "adaptive"}
    sent = found["output_config"]["format"]["schema"]
    assert (found["output_config"]["effort"], "minimum" in sent["properties"]["score"]) == ("low", False)
    assert "minimum: 1" in sent["properties"]["score"]["description"]
    assert "output_config" not in body(config(structured="none"), ask(schema=SCHEMA))


def test_tools_calls_and_results_have_the_forms_of_the_api() -> None:
    function = {"name": "add", "description": "Add.", "parameters": {"type": "object", "properties": {}}}
    call = {"id": "t1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
    turns: Any = [
        {"role": "user", "content": "Add.", "tools": [{"type": "function", "function": function}]},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "1", "tool_call_id": "t1"},
    ]
    found = body(config(), ChatRequest(turns))
    assert found["tools"] == [{"name": "add", "description": "Add.", "input_schema": function["parameters"]}]
    assert found["messages"][1]["content"] == [{"type": "tool_use", "id": "t1", "name": "add", "input": {"a": 1}}]
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "1"}
    assert found["messages"][2] == {"role": "user", "content": [result]}


def cached(found: dict[str, Any]) -> list[bool]:
    content = found["messages"][0]["content"]
    return ["cache_control" in block for block in content] if isinstance(content, list) else []


SHOWN = f"Rules.\n\n{DOCUMENT}\n\nResponse: fine"
CACHED = {
    "several samples": (ask(("user", SHOWN), about=DOCUMENT, seeds=(1, 2)), [True, False]),
    "a verdict": (ask(("user", SHOWN), about=DOCUMENT, schema=SCHEMA), [True, False]),
    "a document that ends the prompt": (ask(("user", f"Q\n{DOCUMENT}"), about=DOCUMENT, seeds=(1, 2)), [True]),
    "a judge's view of a document": (
        ask(("user", SHOWN.replace("bridge", "brid ge", 1)), about=DOCUMENT, schema=SCHEMA),
        [True, False],
    ),
    "a single sample": (ask(("user", SHOWN), about=DOCUMENT), []),
    "a short document": (ask(("user", "short"), about="short", seeds=(1, 2)), []),
    "a document that is not shown": (ask(("user", "Q"), about=DOCUMENT, seeds=(1, 2)), []),
}


@pytest.mark.parametrize(("request_", "marks"), CACHED.values(), ids=CACHED)
def test_a_long_document_that_requests_share_is_marked_for_the_cache(request_: ChatRequest, marks: list[bool]) -> None:
    found = body(config(), request_)
    assert (cached(found), is_shared(config(), request_)) == (marks, bool(marks))
    if marks:
        assert "".join(block["text"] for block in found["messages"][0]["content"]) == request_.messages[0]["content"]
        assert found["messages"][0]["content"][0]["text"].endswith("It is closed on Mondays.")
    assert cached(body(config(prompt_caching=False), request_)) == []


def test_one_request_writes_a_document_to_the_cache_before_the_others_are_sent() -> None:
    slow_at_first = [reply(message(), hang=0.2), reply(message(), hang=0.05)]
    asks = [ask(("user", f"{DOCUMENT} {number}"), about=DOCUMENT, schema=SCHEMA) for number in range(4)]
    server, found, _ = completed(slow_at_first, [*asks, ask(("user", "another prompt"))])
    assert all(isinstance(each, list) for each in found)
    # The first document's writer and the other prompt, then the three readers.
    assert (server.most_in_flight, len(server.requests)) == (3, 5)
    shown = [json.dumps(each.body["messages"]) for each in server.requests]
    assert sum("another prompt" in text for text in shown[:2]) == 1


def test_each_sample_is_a_request_with_its_prompt_tokens() -> None:
    server, (found,), model = completed([reply(message())], [ask(seeds=(1, 2, 3))])
    assert isinstance(found, list)
    assert ([each.prompt_tokens for each in found], len(server.requests)) == ([10, 10, 10], 3)
    assert not model.remarks


ENDINGS = {
    "end_turn": ("stop", None),
    "stop_sequence": ("stop", None),
    "max_tokens": ("length", None),
    "model_context_window_exceeded": ("length", None),
    "refusal": ("refused", None),
    "tool_use": ("unknown", "tool_use"),
    "pause_turn": ("unknown", "pause_turn"),
    "something_new": ("unknown", "something_new"),
}


@pytest.mark.parametrize("reason", ENDINGS)
def test_only_an_ending_that_is_known_to_be_whole_counts_as_whole(reason: str) -> None:
    found = read_message(json.dumps(message("Text.", reason)).encode())
    assert (found.finish, found.finish_reason) == ENDINGS[reason]
    assert found.text == "Text."


def test_blocks_and_usage_are_read() -> None:
    content = [
        {"type": "thinking", "thinking": "First.", "signature": "x"},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "text", "text": "A "},
        {"type": "tool_use", "id": "t", "name": "n", "input": {}},
        {"type": "text", "text": "b."},
        {"type": "thinking", "thinking": "Second.", "signature": "x"},
    ]
    usage = {"input_tokens": 5, "cache_read_input_tokens": 70, "cache_creation_input_tokens": 20, "output_tokens": 9}
    found = read_message(json.dumps(message(content=content, usage=usage)).encode())
    called = '<tool_call>\n{"name":"n","arguments":{}}\n</tool_call>'
    assert (found.text, found.reasoning, found.served) == (f"A b.\n{called}", "First.\n\nSecond.", "claude")
    assert (found.prompt_tokens, found.output_tokens, found.prompt_read) == (95, 9, 95)
    assert (found.cache_read, found.cache_written) == (70, 20)


NO_ANSWERS: dict[str, Any] = {
    "HTML": b"<html>busy</html>",
    "no content": {"type": "message"},
    "no text": message(""),
    "a call of a tool only": message("", "tool_use"),
    "null": None,
}


@pytest.mark.parametrize("data", NO_ANSWERS.values(), ids=NO_ANSWERS)
def test_a_reply_without_text_is_malformed(data: Any) -> None:
    with pytest.raises(RequestError) as raised:
        read_message(data if isinstance(data, bytes) else json.dumps(data).encode())
    assert raised.value.kind == "malformed"


def test_a_reply_that_ends_while_thinking_or_is_refused_needs_no_text() -> None:
    assert read_message(json.dumps(message("", "max_tokens")).encode()).finish == "length"
    refused = read_message(json.dumps(message("", "refusal", stop_details={"explanation": "No."})).encode())
    assert (refused.finish, refused.text) == ("refused", "No.")


BUSY = {
    "too many requests": problem(429, "rate_limit_error", "Slow down.", headers={"retry-after": "0.01"}),
    "overloaded": problem(529, "overloaded_error", "Overloaded"),
    "a server error": problem(500, "api_error", "Internal server error"),
    "a closed connection": Reply(close=True),
    "half a reply": reply(message(), cut=30),
    "a page": Reply(b"<html>busy</html>", headers={"content-type": "text/html"}),
    "an empty reply": Reply(b""),
    "a reply without text": reply(message("")),
}


@pytest.mark.parametrize("trouble", BUSY.values(), ids=BUSY)
def test_trouble_is_retried_by_one_layer(trouble: Reply) -> None:
    server, (found,), _ = completed([trouble, reply(message())], [ask()])
    assert isinstance(found, list), found
    assert (found[0].text, len(server.requests)) == ("fine", 2)
    server, (found,), _ = completed([trouble], [ask()], attempts=3)
    assert isinstance(found, ModelError)
    assert len(server.requests) == 3


FAILURES = {
    "a wrong key": (problem(401, "authentication_error", f"invalid x-api-key {KEY}"), "auth"),
    "no permission": (problem(403, "permission_error", "Your key has no access."), "auth"),
    "no credit": (problem(400, "invalid_request_error", "Your credit balance is too low to access the API."), "quota"),
    "a bill": (problem(402, "billing_error", "Payment required."), "quota"),
    "an unknown model": (problem(404, "not_found_error", "model: claude"), "unknown_model"),
    "a long prompt": (
        problem(400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
        "context_overflow",
    ),
    "a large body": (problem(413, "request_too_large", "Request exceeds the maximum size"), "context_overflow"),
    "a refused parameter": (
        problem(400, "invalid_request_error", "`temperature` is deprecated for this model."),
        "rejected",
    ),
    "a redirect": (Reply(status=302, headers={"location": "http://127.0.0.1:1/"}), "rejected"),
}


@pytest.mark.parametrize(("answer", "kind"), FAILURES.values(), ids=FAILURES)
def test_other_errors_have_a_kind_are_not_retried_and_show_no_key(answer: Reply, kind: str) -> None:
    server, (found,), _ = completed([answer], [ask(sampling=Sampling(0.5))])
    assert isinstance(found, ModelError)
    posts = [each for each in server.requests if each.method == "POST"]
    assert (found.kind, len(posts)) == (kind, 1)
    assert KEY not in str(found) + found.raw


def test_a_slow_reply_is_a_timeout() -> None:
    server, (found,), _ = completed([reply(message(), hang=5)], [ask()], timeout=0.2, attempts=2)
    assert isinstance(found, ModelError)
    assert (found.kind, len(server.requests)) == ("timeout", 2)


def test_content_that_is_filtered_is_a_refusal() -> None:
    filtered = problem(400, "invalid_request_error", "Output blocked by content filtering policy")
    _, (found,), _ = completed([filtered], [ask()])
    assert isinstance(found, list)
    assert found[0].finish == "refused"


def test_a_server_gets_the_key_and_the_files_headers_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "X-For-The-Vendor: abc")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("GATEWAY", "gateway-key-0123456789")
    server, (found,), _ = completed([reply(message())], [ask()], headers={"X-Gateway-Key": "env:GATEWAY"})
    assert isinstance(found, list)
    (sent,) = [each.headers for each in server.requests]
    assert (KEY in "".join(sent.values()), sent["x-gateway-key"]) == (True, "gateway-key-0123456789")
    assert not {"x-for-the-vendor", "x-stainless-os", "x-stainless-runtime"} & sent.keys()
    assert sent["anthropic-version"]


def test_the_identity_holds_what_changes_responses() -> None:
    assert identity(config()) == {"kind": "anthropic", "server": "https://api.anthropic.com", "model": "claude"}
    assert identity(config(base_url="https://api.anthropic.com/v1/")) == identity(config())
    assert identity(config(extra={"metadata": {"user_id": "u"}}, prompt_caching=False)) == identity(config())
    assert identity(config(extra={"thinking": {"type": "adaptive"}})) != identity(config())


def test_it_cannot_be_opened_as_a_reward_model() -> None:
    with pytest.raises(InputError, match="no rewards"):
        open_model(config(), rewards=True)


REFUSED = {
    "batches": ({"mode": "batch"}, "Message Batches API"),
    "a system prompt": ({"extra": {"system": "x"}}, "set by generate.system"),
    "a format": ({"extra": {"output_config": {"format": {}}}}, "set by structured"),
    "a key": ({"api_key": KEY}, "env:ANTHROPIC_API_KEY"),
}


@pytest.mark.parametrize(("options", "said"), REFUSED.values(), ids=REFUSED)
def test_settings_that_the_api_does_not_support_are_refused_in_the_file(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        config(**options)


@pytest.mark.parametrize(("judge", "said"), [("logprobs: true", "no log-probabilities"), ("calls: together", "no rewards")])
def test_a_judge_that_needs_what_the_api_lacks_is_refused(judge: str, said: str, tmp_path: Path) -> None:
    kind = "reward_model" if "rewards" in said else "scale"
    levels = "" if kind == "reward_model" else ', question: "Is it?", levels: {1: "no", 5: "yes"}'
    (tmp_path / "r.yaml").write_text(f"name: r\ncriteria: [{{name: a, kind: {kind}{levels}}}]\n")
    (tmp_path / "p.yaml").write_text(
        "name: p\nmodels: {m: {kind: anthropic, model: claude}}\ncollect: {sources: [{path: x.jsonl}]}\n"
        f"judges: {{j: {{rubric: r.yaml, model: m, {judge}}}}}\n"
    )
    with pytest.raises(InputError, match=said):
        resolve(load(tmp_path / "p.yaml")).judge("j")


def test_tool_calls_are_part_of_the_response() -> None:
    content = [
        {"type": "text", "text": "Let me look."},
        {"type": "tool_use", "id": "1", "name": "weather", "input": {"city": "Rome"}},
    ]
    found = read_message(json.dumps(message(content=content, stop="tool_use")).encode())
    call = '<tool_call>\n{"name":"weather","arguments":{"city":"Rome"}}\n</tool_call>'
    assert (found.text, found.finish) == (f"Let me look.\n{call}", "stop")

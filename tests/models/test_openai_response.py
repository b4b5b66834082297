import json
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlaif.models.openai.errors import RequestError, from_status, retry_after
from rlaif.models.openai.response import read_reply
from tests.support.servers import choice

NOW = 1_790_000_000.0


CACHED: dict[str, tuple[dict[str, Any], tuple[int, int]]] = {
    "OpenAI, vLLM, Gemini": ({"prompt_tokens_details": {"cached_tokens": 80}}, (80, 0)),
    "OpenRouter": ({"prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 60}}, (0, 60)),
    "DeepSeek": ({"prompt_cache_hit_tokens": 80, "prompt_cache_miss_tokens": 20}, (80, 0)),
    "Moonshot": ({"cached_tokens": 80}, (80, 0)),
    "more than the prompt": ({"prompt_tokens_details": {"cached_tokens": 300}}, (100, 0)),
    "nothing": ({}, (0, 0)),
    "null": ({"prompt_tokens_details": None}, (0, 0)),
    "no number": ({"prompt_tokens_details": {"cached_tokens": "80"}}, (0, 0)),
}


@pytest.mark.parametrize(("usage", "expected"), CACHED.values(), ids=CACHED)
def test_cached_prompt_tokens_are_counted_once_for_all_completions(usage: dict[str, Any], expected: tuple[int, int]) -> None:
    reply = {"choices": [choice("a"), choice("b", 1)], "usage": {"prompt_tokens": 100, "completion_tokens": 9} | usage}
    first, second = read_reply(orjson.dumps(reply), 2).found.values()
    assert (first.cache_read, first.cache_written) == expected
    assert (second.cache_read, second.cache_written) == (0, 0)


@pytest.mark.fault("H1")
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "2"}, 2.0),
        ({"Retry-After": " 2.5 "}, 2.5),
        ({"retry-after": "86400"}, 86400.0),
        ({"retry-after": "0"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "abc"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e3"}, None),
        ({}, None),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after": formatdate(NOW + 30, usegmt=True)}, 30.0),
        ({"retry-after": formatdate(NOW + 30).replace(" -0000", "")}, 30.0),
        ({"retry-after": formatdate(NOW - 30, usegmt=True)}, None),
        ({"retry-after": "Mon, 99 Foo 2026 00:00:00 GMT"}, None),
        ({"retry-after": "1m30s"}, 90.0),
        ({"retry-after": datetime.fromtimestamp(NOW + 30, UTC).isoformat()}, 30.0),
        ({"x-ratelimit-reset-requests": "500ms"}, 0.5),
        ({"X-RateLimit-Reset-Requests": "1h0m2s", "x-ratelimit-reset-tokens": "6m0s"}, 3600.0),
        ({"x-ratelimit-reset-requests": "500ms", "retry-after": "3"}, 3.0),
        ({"anthropic-ratelimit-tokens-reset": datetime.fromtimestamp(NOW + 7, UTC).isoformat()}, 7.0),
        ({"x-ratelimit-reset-requests": "0s", "x-ratelimit-remaining-requests": "5"}, None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds


@pytest.mark.fault("H1")
@settings(deadline=None)
@given(st.text() | st.integers().map(str) | st.floats().map(str) | st.datetimes().map(str))
def test_retry_after_is_none_or_a_positive_number(text: str) -> None:
    found = retry_after({"retry-after": text, "retry-after-ms": text}, NOW)
    assert found is None or 0 < found < float("inf")


@pytest.mark.fault("H3")
def test_a_fault_carries_the_servers_message_and_requested_wait() -> None:
    found = from_status(429, {"Retry-After": "3"}, '{"error": {"message": "too fast"}}')
    assert (found.kind, str(found), found.wait) == ("rate_limited", "HTTP 429: too fast", 3.0)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
MESSAGES = st.fixed_dictionaries(
    {}, optional={"content": JSON, "refusal": JSON, "role": JSON, "reasoning_content": JSON, "reasoning_details": JSON}
)
CHOICES = st.fixed_dictionaries(
    {},
    optional={
        "index": st.integers(-1, 4) | JSON,
        "message": MESSAGES | JSON,
        "finish_reason": JSON,
        "logprobs": JSON,
        "error": JSON,
    },
)
REPLIES = st.fixed_dictionaries(
    {}, optional={"choices": st.lists(CHOICES | JSON, max_size=4) | JSON, "usage": JSON, "error": JSON, "id": JSON}
)


@pytest.mark.fault("H12")
@settings(deadline=None)
@given(st.binary() | (REPLIES | JSON).map(lambda value: json.dumps(value).encode()), st.integers(1, 4))
def test_any_bytes_are_completions_or_a_fault_with_a_kind(data: bytes, n: int) -> None:
    try:
        found = read_reply(data, n).found
    except RequestError:
        return
    assert found
    assert set(found) <= set(range(n))
    for completion in found.values():
        completion.text.encode()
        assert completion.finish in ("stop", "length", "refused", "unknown")
        assert (completion.finish_reason is None) == (completion.finish != "unknown")
        assert completion.output_tokens is None or completion.output_tokens >= 0


@settings(deadline=None)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=6), st.integers(0, 5000), st.integers(0, 5000))
def test_usage_is_counted_once_over_the_completions(texts: list[str], prompt: int, output: int) -> None:
    choices = [choice(text.encode("utf-8", "replace").decode(), index) for index, text in enumerate(texts)]
    usage = {"prompt_tokens": prompt, "completion_tokens": output}
    found = read_reply(orjson.dumps({"choices": choices, "usage": usage}), len(texts)).found
    assert sum(each.prompt_tokens or 0 for each in found.values()) == prompt
    assert sum(each.output_tokens or 0 for each in found.values()) == output
    assert found[0].prompt_tokens == prompt


@pytest.mark.fault("H12")
@pytest.mark.parametrize(
    "usage",
    [None, {}, {"prompt_tokens": -1, "completion_tokens": "7"}, {"prompt_tokens": True}, {"prompt_tokens": 10**30}, []],
)
def test_missing_or_senseless_usage_is_unknown(usage: Any) -> None:
    found = read_reply(json.dumps({"choices": [choice("x")], "usage": usage}).encode(), 1).found[0]
    assert (found.prompt_tokens, found.output_tokens) == (None, None)


@pytest.mark.fault("P11")
def test_text_in_parts_is_joined_and_lone_surrogates_are_replaced() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}]
    assert read_reply(orjson.dumps({"choices": [{"message": {"content": parts}}]}), 1).found[0].text == "ab"
    surrogate = b'{"choices": [{"index": 0, "message": {"content": "x\\ud800y"}}]}'
    assert read_reply(surrogate, 1).found[0].text.replace("\ufffd", "") == "xy"


def test_an_answer_cut_before_its_first_word_is_empty_and_cut() -> None:
    found = read_reply(orjson.dumps({"choices": [choice(None, finish="length")]}), 1).found[0]
    assert (found.text, found.finish) == ("", "length")


def entry(token: str, logprob: Any, **top: float) -> dict[str, Any]:
    alternatives = [{"token": text, "logprob": value} for text, value in top.items()]
    return {"token": token, "logprob": logprob, "top_logprobs": alternatives}


def read_tokens(*entries: dict[str, Any]) -> Any:
    choices = [{**choice("x"), "logprobs": {"content": list(entries)}}]
    return read_reply(json.dumps({"choices": choices}).encode(), 1).found[0]


def test_log_probabilities_become_tokens_with_sorted_alternatives() -> None:
    found = read_tokens(entry("a", -0.5), entry("7", -2.5, **{"6": -2.0, "8": -0.3}))
    assert [token.text for token in found.tokens] == ["a", "7"]
    assert found.tokens[1].top == (("8", -0.3), ("6", -2.0), ("7", -2.5))
    assert found.logprob == pytest.approx(-3.0)


@pytest.mark.parametrize("broken", [None, "x", float("nan"), 10**400, True, -1e300])
def test_one_senseless_log_probability_makes_all_unknown(broken: Any) -> None:
    found = read_tokens(entry("a", -0.5), entry("b", broken))
    assert found.tokens == ()
    assert found.logprob is None


FINISHES: dict[str, list[Any]] = {
    "stop": [
        None,
        "stop",
        "STOP",
        " Stop ",
        "eos",
        "eos_token",
        "EOS_TOKEN",
        "end_turn",
        "END_TURN",
        "stop_sequence",
        "stop-sequence",
        "FinishReason.STOP",
    ],
    "length": [
        "length",
        "LENGTH",
        "max_tokens",
        "MAX_TOKENS",
        "model_length",
        "model_context_window_exceeded",
        "max-tokens",
        "max_output_tokens",
        "FINISH_REASON_MAX_TOKENS",
        "length: 4096",
    ],
    "refused": [
        "content_filter",
        "CONTENT_FILTER",
        "content_filter: hate",
        "content-filter",
        "error: content_filter",
        "SAFETY",
        "PROHIBITED_CONTENT",
        "RECITATION",
        "BLOCKLIST",
        "SPII",
        "refusal",
        "IMAGE_SAFETY",
        "sensitive",
        "ERROR_TOXIC",
        "guardrail_intervened",
    ],
    "unknown": [
        "odd",
        "stop: cut",
        "stopped",
        "tool_calls",
        "function_call",
        "tool_use",
        "OTHER",
        "pause_turn",
        "null",
        "MALFORMED_FUNCTION_CALL",
        "stop_it",
        "length_or_stop",
        0,
        True,
        {"type": "stop"},
        ["stop"],
    ],
}


@pytest.mark.parametrize(("finish", "reason"), [(finish, each) for finish, all_ in FINISHES.items() for each in all_])
def test_a_finish_reason_says_whether_the_text_is_whole(finish: str, reason: Any) -> None:
    found = read_reply(json.dumps({"choices": [choice("x", finish=reason)]}).encode(), 1).found[0]
    assert (found.text, found.finish) == ("x", finish)
    assert found.finish_reason == (str(reason) if finish == "unknown" else None)


def test_a_reply_without_a_finish_reason_is_whole() -> None:
    assert read_reply(b'{"choices": [{"message": {"content": "x"}}]}', 1).found[0].finish == "stop"


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "error": (choice("x", finish="error"), "server"),
    "ERROR": (choice("x", finish="ERROR"), "server"),
    "error with details": (choice("x", finish="error: upstream"), "server"),
    "abort": (choice("x", finish="abort"), "server"),
    "network_error": (choice("x", finish="network_error"), "server"),
    "no resources": (choice("x", finish="insufficient_system_resource"), "server"),
    "an error of a provider": (choice("x") | {"error": {"code": 502, "message": "Provider returned error"}}, "server"),
    "an error in words": (choice("x") | {"error": "boom"}, "server"),
    "an error that is not this request's": (choice("x") | {"error": {"code": 400, "message": "bad"}}, "server"),
    "an error without a message": ({"error": {"message": "gone"}}, "server"),
    "too many requests": (choice("x") | {"error": {"code": 429, "message": "slow down"}}, "rate_limited"),
    "moderation": (choice("x") | {"error": {"code": 403, "message": "flagged by moderation"}}, "refused"),
}


@pytest.mark.parametrize(("broken", "kind"), FAULTS.values(), ids=FAULTS)
def test_a_fault_of_the_server_within_a_choice_is_an_error_and_its_text_is_not_used(
    broken: dict[str, Any], kind: str
) -> None:
    with pytest.raises(RequestError) as caught:
        read_reply(orjson.dumps({"choices": [broken]}), 1)
    assert caught.value.kind == kind
    beside = read_reply(orjson.dumps({"choices": [broken | {"index": 0}, choice("fine", 1)]}), 2)
    assert {index: found.text for index, found in beside.found.items()} == {1: "fine"}


REASONING: dict[str, dict[str, Any]] = {
    "vLLM, DeepSeek": {"content": "b", "reasoning_content": "a"},
    "OpenRouter": {"content": "b", "reasoning": "a", "reasoning_details": [{"type": "reasoning.text", "text": "a"}]},
    "details alone": {
        "content": "b",
        "reasoning": None,
        "reasoning_details": [{"type": "reasoning.summary", "summary": "a"}],
    },
    "Ollama": {"content": "b", "thinking": "a"},
    "Mistral": {
        "content": [{"type": "thinking", "thinking": [{"type": "text", "text": "a"}]}, {"type": "text", "text": "b"}]
    },
    "Anthropic": {"content": [{"type": "thinking", "thinking": "a", "signature": "s"}, {"type": "text", "text": "b"}]},
    "a part of reasoning": {"content": [{"type": "reasoning", "text": "a"}, {"type": "output_text", "text": "b"}]},
}


@pytest.mark.parametrize("message", REASONING.values(), ids=REASONING)
def test_reasoning_that_a_server_returns_apart_is_kept_apart(message: dict[str, Any]) -> None:
    found = read_reply(orjson.dumps({"choices": [{"message": message}]}), 1).found[0]
    assert (found.text, found.reasoning) == ("b", "a")


@pytest.mark.parametrize("nothing", [None, "", " \n", [], {}, 7, [{"type": "reasoning.encrypted", "data": "x"}]])
def test_no_reasoning_is_none(nothing: Any) -> None:
    message = {"content": "b", "reasoning_content": nothing, "reasoning": nothing, "reasoning_details": nothing}
    assert read_reply(orjson.dumps({"choices": [{"message": message}]}), 1).found[0].reasoning is None


CALL = {"id": "1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}
CALL_TEXT = '<tool_call>\n{"name":"weather","arguments":{"city":"Rome"}}\n</tool_call>'


def called(*calls: Any, content: str | None = None) -> bytes:
    message = {"role": "assistant", "content": content, "tool_calls": list(calls)}
    return json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}).encode()


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (called(CALL), CALL_TEXT),
        (called(CALL, CALL), f"{CALL_TEXT}\n{CALL_TEXT}"),
        (called(CALL, content="Let me look. "), f"Let me look.\n{CALL_TEXT}"),
        (
            called({"function": {"name": "now", "arguments": ""}}),
            '<tool_call>\n{"name":"now","arguments":null}\n</tool_call>',
        ),
        (called({"function": {"name": "weather", "arguments": {"city": "Rome"}}}), CALL_TEXT),
        (
            called({"function": {"name": "find", "arguments": '{"broken'}}),
            '<tool_call>\n{"name":"find","arguments":"{\\"broken"}\n</tool_call>',
        ),
    ],
)
def test_tool_calls_that_the_server_parsed_are_part_of_the_response(reply: bytes, text: str) -> None:
    (found,) = read_reply(reply, 1).found.values()
    assert (found.text, found.finish) == (text, "stop")


@pytest.mark.parametrize("call", [{}, {"function": {}}, {"function": {"name": 5}}, "weather", None])
def test_a_reply_with_a_call_without_a_name_and_without_text_is_malformed(call: Any) -> None:
    with pytest.raises(RequestError, match="without text"):
        read_reply(called(call), 1)


@settings(max_examples=50)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda each: st.lists(each) | st.dictionaries(st.text(), each)
    )
)
def test_any_arguments_of_a_call_are_read_without_an_error(arguments: Any) -> None:
    (found,) = read_reply(called({"function": {"name": "\ud800", "arguments": arguments}}), 1).found.values()
    assert found.text.startswith("<tool_call>\n")
    assert found.text.endswith("\n</tool_call>")

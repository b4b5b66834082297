import asyncio
import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlaif.config import ScriptedModel
from rlaif.core.types import Message
from rlaif.models.base import ChatRequest, Completion, Sampling
from rlaif.models.fake.schema_sampler import instance
from rlaif.models.registry import identity, is_local, open_model


def answers(ask: ChatRequest, **options: Any) -> list[Completion]:
    async def run() -> list[Completion]:
        async with open_model(ScriptedModel(kind="scripted", **options)) as model:
            return await model.complete(ask)

    return asyncio.run(run())


def user(text: str) -> list[Message]:
    return [{"role": "user", "content": text}]


def test_the_same_request_has_the_same_answer_and_another_seed_another() -> None:
    ask = ChatRequest(user("hello there"), seeds=tuple(range(20)))
    assert answers(ask) == answers(ask)
    assert len({each.text for each in answers(ask)}) == 20
    assert answers(ChatRequest(user("hello there"), seeds=(7,)))[0].text == answers(ask)[7].text


def test_salt_messages_and_seed_each_change_the_answer() -> None:
    base = answers(ChatRequest(user("a")))[0].text
    assert answers(ChatRequest(user("b")))[0].text != base
    assert answers(ChatRequest(user("a")), salt="x")[0].text != base


def test_answers_have_five_to_forty_words_and_the_prompt_counts_once() -> None:
    found = answers(ChatRequest(user("two words"), seeds=tuple(range(50))))
    assert all(5 <= len(each.text.split()) <= 40 for each in found)
    assert [each.prompt_tokens for each in found] == [2] + [0] * 49
    assert all(each.output_tokens == len(each.text.split()) for each in found)


@pytest.mark.fault("H15")
def test_max_tokens_cuts_an_answer() -> None:
    (found,) = answers(ChatRequest(user("x"), Sampling(max_tokens=3)))
    assert (found.finish, found.output_tokens, len(found.text.split())) == ("length", 3, 3)


def test_a_share_of_judgements_is_not_json() -> None:
    ask = ChatRequest(
        user("judge"), seeds=tuple(range(400)), schema={"type": "object", "properties": {"score": {"type": "integer"}}}
    )
    assert all(each.text.startswith("{") for each in answers(ask))
    prose = sum(not each.text.startswith("{") for each in answers(ask, malformed=0.25))
    assert 60 < prose < 140


def test_tokens_join_to_the_text_and_a_number_has_its_neighbours_as_alternatives() -> None:
    schema = {"type": "object", "properties": {"score": {"type": "integer", "minimum": 5, "maximum": 5}}}
    (found,) = answers(ChatRequest(user("judge"), schema=schema, top_logprobs=4))
    assert "".join(token.text for token in found.tokens) == found.text == '{"score":5}'
    (number,) = [token for token in found.tokens if token.text == "5"]
    assert [text for text, _ in number.top] == ["5", "4", "6", "3"]
    assert sum(math.exp(logprob) for _, logprob in number.top) <= 1
    assert all(list(t.top) == sorted(t.top, key=lambda each: -each[1]) and t.top[0][1] == t.logprob for t in found.tokens)
    assert found.logprob == pytest.approx(sum(token.logprob for token in found.tokens))


def test_log_probabilities_are_returned_only_on_request() -> None:
    assert answers(ChatRequest(user("x")))[0].tokens == ()
    assert all(token.top == () for token in answers(ChatRequest(user("x"), top_logprobs=0))[0].tokens)


def schemas() -> st.SearchStrategy[dict[str, Any]]:
    bounds = st.tuples(st.integers(-50, 50), st.integers(0, 50))
    leaves = st.one_of(
        bounds.map(lambda b: {"type": "integer", "minimum": b[0], "maximum": b[0] + b[1]}),
        bounds.map(lambda b: {"type": "number", "minimum": b[0], "maximum": b[0] + b[1]}),
        bounds.map(lambda b: {"type": "integer", "exclusiveMinimum": b[0], "exclusiveMaximum": b[0] + b[1] + 2}),
        st.tuples(st.integers(0, 40), st.integers(0, 100)).map(
            lambda b: {"type": "string", "minLength": b[0], "maxLength": b[0] + b[1]}
        ),
        st.lists(st.integers() | st.text(), min_size=1, max_size=4).map(lambda values: {"enum": values}),
        st.sampled_from([{"type": "boolean"}, {"type": "null"}, {"const": "x"}, {"type": ["string", "null"]}]),
    )
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.dictionaries(st.text(min_size=1, max_size=5), inner, max_size=4).map(
                lambda properties: {"type": "object", "properties": properties, "required": list(properties)}
            ),
            st.tuples(inner, st.integers(0, 3)).map(lambda p: {"type": "array", "items": p[0], "minItems": p[1]}),
            inner.map(lambda each: {"anyOf": [each, {"type": "null"}]}),
        ),
        max_leaves=6,
    )


def fits(value: Any, schema: dict[str, Any]) -> bool:
    """Whether the value satisfies the schema: the part of JSON Schema that `schemas` makes."""
    if "anyOf" in schema:
        return any(fits(value, each) for each in schema["anyOf"])
    if "const" in schema or "enum" in schema:
        return value in schema.get("enum", [schema.get("const")])
    match schema["type"]:
        case "object":
            children = schema["properties"]
            return set(value) == set(children) and all(fits(value[name], child) for name, child in children.items())
        case "array":
            return len(value) >= schema["minItems"] and all(fits(each, schema["items"]) for each in value)
        case "integer" | "number" as kind:
            low = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
            high = schema.get("maximum", schema.get("exclusiveMaximum", 0) - 1)
            return isinstance(value, int if kind == "integer" else int | float) and low <= value <= high
        case "string":
            return schema["minLength"] <= len(value) <= schema["maxLength"]
        case "boolean":
            return isinstance(value, bool)
        case "null":
            return value is None
    return isinstance(value, str) or value is None


@settings(deadline=None)
@given(schemas(), st.text(max_size=5))
def test_an_instance_satisfies_its_schema(schema: dict[str, Any], digest: str) -> None:
    value = instance(schema, digest)
    assert fits(value, schema)
    assert json.loads(json.dumps(value)) == value


def test_references_are_followed_and_a_schema_within_itself_ends() -> None:
    schema = {
        "$ref": "#/$defs/node",
        "$defs": {
            "node": {
                "type": "object",
                "properties": {"v": {"type": "integer", "minimum": 3, "maximum": 3}, "next": {"$ref": "#/$defs/node"}},
            }
        },
    }
    assert instance(schema, "d")["next"]["next"]["v"] == 3


@pytest.mark.fault("P7")
def test_identity_is_what_changes_answers() -> None:
    assert identity(ScriptedModel(kind="scripted", salt="a", delay=3)) == identity(ScriptedModel(kind="scripted", salt="a"))
    assert identity(ScriptedModel(kind="scripted", salt="a")) != identity(ScriptedModel(kind="scripted", salt="b"))
    assert not is_local(ScriptedModel(kind="scripted"))

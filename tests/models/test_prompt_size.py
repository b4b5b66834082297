"""A prompt that the server cut is noticed, and no other ever is."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from transformers import AutoTokenizer

from rlaif import demo
from rlaif.core.types import Message
from rlaif.models.openai.response import read_reply
from rlaif.models.prompt_size import least_tokens, read_tokens, was_cut
from tests.support.servers import choice

ENGLISH = "The bridge over the river was opened to traffic in 1932, after a long and costly delay. " * 120
CHINESE = "大桥于1932年通车，比计划晚了很多年，费用也远远超出预算。" * 200


def messages(*texts: str) -> list[Message]:
    return [{"role": "user", "content": text} for text in texts]


@pytest.mark.parametrize(
    ("text", "read", "cut"),
    [
        (ENGLISH, 64, True),
        (ENGLISH, 1024, True),
        (ENGLISH, 1600, False),
        (ENGLISH, None, False),
        (CHINESE, 512, True),
        (CHINESE, 2400, False),
        ("A short prompt.", 1, False),
        ("word " * 700, 5, False),
        # Text of which tokenizers make few tokens.
        (" " * 100_000 + "x", 40, False),
        ("." * 100_000, 600, False),
        ("-=" * 50_000, 900, False),
        ("\n \n" * 20_000, 600, False),
        ("a" * 100_000, 600, False),
        ("| --- " * 20_000, 600, False),
    ],
)
def test_a_count_far_below_what_was_sent_is_a_cut_prompt(text: str, read: int | None, cut: bool) -> None:
    assert was_cut(messages(text), read) is cut


def test_a_prompt_of_several_turns_counts_as_a_whole() -> None:
    turns = messages(*[ENGLISH[:1000]] * 12)
    assert was_cut(turns, 512)
    assert not was_cut(turns, 2600)


@pytest.mark.parametrize(
    ("usage", "read"),
    [
        (None, None),
        ([], None),
        ({}, None),
        ({"prompt_tokens": 0}, None),
        ({"prompt_tokens": "9"}, None),
        ({"prompt_tokens": True}, None),
        ({"prompt_tokens": 9}, 9),
        ({"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 4000}}, 4009),
        ({"prompt_tokens": 9, "cache_read_input_tokens": 4000, "cache_creation_input_tokens": 50}, 4059),
        ({"prompt_tokens": 9, "total_tokens": 5000, "completion_tokens": 20}, 4980),
        ({"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": None}}, 9),
    ],
)
def test_tokens_in_the_servers_cache_count_as_read(usage: Any, read: int | None) -> None:
    assert read_tokens(usage) == read
    assert read_reply(orjson.dumps({"choices": [choice("x")], "usage": usage}), 1).found[0].prompt_read == read


@pytest.mark.parametrize(
    "text", [ENGLISH, CHINESE, "def f(x):\n    return {'a': [x, 1.5, None]}\n" * 200, "a, b; c. " * 900]
)
def test_no_tokenizer_needs_fewer_tokens_than_the_bound(text: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(Path(demo.__file__).parent / "writer")
    assert len(tokenizer(text)["input_ids"]) >= least_tokens(messages(text))

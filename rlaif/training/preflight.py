"""The check before any time is spent: which rows would teach something else than what was judged."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rlaif.training.rows import Row

# The columns that hold answers.
SIDES = ("chosen", "rejected", "completion")

# What a refused row's kind means, for people.
MEANING: Mapping[str, str] = {
    "prefix_mismatch": "the chat template shows the prompt differently alone than before an answer, "
    "so training would see another context than sampling does",
    "equal_sides": "chosen and rejected are the same tokens once the chat template has shown them",
    "over_length": "prompt and answer together do not fit the length, and a cut answer is not the one that was judged",
}


def check(rows: Sequence[Row], tokenizer: Any, length: int | None) -> tuple[list[Row], dict[str, int]]:
    """The rows to train on, and how many were refused, by kind (the keys of MEANING).

    `length` bounds the tokens of a prompt with its answer, or of one without; None is no bound. Nothing is ever truncated.
    """
    kinds = [_kind(row, tokenizer, length) for row in rows]
    kept = [row for row, kind in zip(rows, kinds, strict=True) if kind is None]
    return kept, dict(sorted(Counter(kind for kind in kinds if kind is not None).items()))


def explain(refused: Mapping[str, int]) -> str:
    """The refused rows for people, one line a kind."""
    return "\n".join(f"{count:,} rows refused as {kind}: {MEANING[kind]}." for kind, count in refused.items())


def _kind(row: Row, tokenizer: Any, length: int | None) -> str | None:
    prompt = _tokens(tokenizer, row["prompt"], add_generation_prompt=True)
    sides = [_tokens(tokenizer, row["prompt"] + row[name]) for name in SIDES if name in row]
    if any(side[: len(prompt)] != prompt for side in sides):
        return "prefix_mismatch"
    if len({tuple(side) for side in sides}) < len(sides):
        return "equal_sides"
    if length is not None and max(map(len, [prompt, *sides])) > length:
        return "over_length"
    return None


def _tokens(tokenizer: Any, messages: Sequence[Any], **options: Any) -> list[int]:
    return list(tokenizer.apply_chat_template(messages, return_dict=True, **options)["input_ids"])

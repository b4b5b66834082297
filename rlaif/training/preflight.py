"""Check the rows before training: refuse those from which the model would learn something else than what was judged."""

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from rlaif.training.formats import Row, as_text

# The columns that hold answers.
SIDES = ("chosen", "rejected", "completion")

# What each kind of refused rows means, for users.
MEANING: Mapping[str, str] = {
    "held_out": "the prompt is held out for the evaluation",
    "bad_row": "a row of `train.data` cannot be read",
    "unsure": "the probability that the label is right is unknown, but this method needs it (it comes from a judge's "
    "log-probabilities, from repeats, or from other judges under `pair.agree`)",
    "prefix_mismatch": "the chat template renders the prompt differently alone than before an answer, "
    "so the context in training would differ from the context in sampling",
    "tools_not_rendered": "the chat template leaves out the tools or the tool calls",
    "tools_not_read": "the trainer of this method does not read tools",
    "equal_sides": "chosen and rejected have the same tokens after the chat template",
    "over_length": "prompt and answer together exceed the length, and a truncated answer is not the one that was judged",
    "unknown_token": "the tokenizer produces tokens for which the model has no embedding",
}
# For KTO, the range of the desired answers' total weight over the undesired ones' (Ethayarajh et al. 2024, section 4.2).
BALANCED = (1.0, 4 / 3)


@dataclass(frozen=True)
class Checked:
    """The rows to train on, the number refused by kind (a key of MEANING), and whether any answer has an end token.

    `read` holds the rows' tokens if they are kept: `prompt_ids`, and for each side the tokens after the prompt.
    """

    rows: list[Row]
    refused: dict[str, int]
    ends: bool
    read: Sequence[Row] = ()


def check(
    rows: Sequence[Row],
    tokenizer: Any,
    length: int | None,
    *,
    embeddings: int | None = None,
    ends: Collection[int] = (),
    keep: bool = False,
    reads_tools: bool = True,
) -> Checked:
    """Check the rows and refuse those that cannot be trained on as judged.

    `reads_tools` says whether the trainer passes a row's tools to the chat template. `length` bounds the tokens of a prompt
    with its answer, or of a prompt alone; None means no bound. Nothing is truncated. `embeddings` is the size of the model's
    vocabulary, and `ends` are the tokens that end an answer. With `keep`, the tokens of accepted rows are kept.
    """
    kept, refused, ended, read = [], Counter[str](), False, []
    for row in rows:
        tools = _tools(row)
        prompt = tokens(tokenizer, row["prompt"], add_generation_prompt=True, **tools)
        names = [name for name in SIDES if name in row]
        sides = [tokens(tokenizer, row["prompt"] + row[name], **tools) for name in names]
        kind = _tools_kind(row, tokenizer, reads_tools) or _kind(prompt, sides, length, embeddings)
        if kind:
            refused[kind] += 1
        else:
            kept.append(row)
            ended = ended or not sides or any(not set(ends).isdisjoint(side[len(prompt) :]) for side in sides)
            if keep:
                after = {f"{name}_ids": _packed(side[len(prompt) :]) for name, side in zip(names, sides, strict=True)}
                read.append({"prompt_ids": _packed(prompt), **after})
    return Checked(kept, dict(sorted(refused.items())), ended, read)


def explain(refused: Mapping[str, int]) -> str:
    """Describe the refused rows for users, one line per kind."""
    return "\n".join(f"{count:,} rows refused as {kind}: {MEANING[kind]}." for kind, count in refused.items())


def doubts(checked: Checked, arguments: Any) -> list[str]:
    """Return a warning for each suspicious but allowed property of the rows."""
    found = []
    if checked.rows and not checked.ends:
        found.append("The chat template never ends an answer with the model's end token: the model will not learn to stop.")
    labels = Counter(row["label"] for row in checked.rows if "label" in row)
    if labels:
        found += _unbalanced(labels[True] * arguments.desirable_weight, labels[False] * arguments.undesirable_weight)
        found += _contradicted(checked.rows)
    return found


def tokens(tokenizer: Any, messages: Sequence[Any], **options: Any) -> list[int]:
    """Messages as the model reads them."""
    return list(tokenizer.apply_chat_template(messages, return_dict=True, **options)["input_ids"])


def _tools(row: Row) -> dict[str, Any]:
    return {"tools": json.loads(row["tools"])} if row.get("tools") else {}


def _tools_kind(row: Row, tokenizer: Any, reads_tools: bool) -> str | None:
    """Return why a row with tools or tool calls cannot be trained on: the trainer or the chat template ignores them."""
    tools = _tools(row)
    if not reads_tools and (tools or "tools" in row["prompt"][0]):
        return "tools_not_read"
    if tools and tokens(tokenizer, row["prompt"], **tools) == tokens(tokenizer, row["prompt"]):
        return "tools_not_rendered"
    whole = [row["prompt"] + row[name] for name in SIDES if name in row]
    called = [turns for turns in whole if any(turn.get("tool_calls") for turn in turns)]
    return "tools_not_rendered" if any(_ignores_calls(tokenizer, turns, tools) for turns in called) else None


def _ignores_calls(tokenizer: Any, turns: Sequence[Row], tools: dict[str, Any]) -> bool:
    without = [{name: value for name, value in turn.items() if name != "tool_calls"} for turn in turns]
    try:
        return tokens(tokenizer, turns, **tools) == tokens(tokenizer, without, **tools)
    except Exception:  # templates can raise any error, here because they miss the calls
        return False


def _packed(ids: list[int]) -> Any:
    """Tokens in a ninth of the memory of a list of them."""
    import numpy

    return numpy.array(ids, dtype=numpy.int32)


def _kind(prompt: list[int], sides: list[list[int]], length: int | None, embeddings: int | None) -> str | None:
    if any(side[: len(prompt)] != prompt for side in sides):
        return "prefix_mismatch"
    if len({tuple(side) for side in sides}) < len(sides):
        return "equal_sides"
    if length is not None and max(map(len, [prompt, *sides])) > length:
        return "over_length"
    if embeddings is not None and max(chain(prompt, *sides), default=0) >= embeddings:
        return "unknown_token"
    return None


def _unbalanced(desired: float, undesired: float) -> list[str]:
    ratio = desired / undesired if undesired else float("inf")
    if BALANCED[0] <= ratio <= BALANCED[1]:
        return []
    return [
        f"Desired answers weigh {ratio:.2f} times as much as undesired ones; KTO wants 1 to 1.33. "
        "Set options.desirable_weight or options.undesirable_weight."
    ]


def _contradicted(rows: Sequence[Row]) -> list[str]:
    answers = Counter((as_text(row["prompt"]), as_text(row["completion"])) for row in rows)
    both = sum(count > 1 for count in answers.values())
    return [f"{both:,} answers are desired in one pair and undesired in another, and count as both."] if both else []

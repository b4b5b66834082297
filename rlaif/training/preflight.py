"""The check before any time is spent: which rows would teach something else than what was judged."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from rlaif.training.formats import Row, said

# The columns that hold answers.
SIDES = ("chosen", "rejected", "completion")

# What a refused row's kind means, for people.
MEANING: Mapping[str, str] = {
    "held_out": "the prompt is one of those that the evaluation asks",
    "bad_row": "something in a row of `train.data` cannot be read",
    "unsure": "nobody knows how likely the label is to be right, which this method goes by (a judge's log-probabilities, "
    "repeats or a second opinion under `pair.agree` tell)",
    "prefix_mismatch": "the chat template shows the prompt differently alone than before an answer, "
    "so training would see another context than sampling does",
    "equal_sides": "chosen and rejected are the same tokens once the chat template has shown them",
    "over_length": "prompt and answer together do not fit the length, and a cut answer is not the one that was judged",
    "unknown_token": "the tokenizer has tokens for it that the model has no embedding of",
}
# Of KTO, the desired answers' total weight over the undesired ones' (Ethayarajh et al. 2024, section 4.2).
BALANCED = (1.0, 4 / 3)


@dataclass(frozen=True)
class Checked:
    """The rows to train on, how many were refused, by kind (the keys of MEANING), and whether any answer has an end.

    `read` are the rows' tokens where they are kept: `prompt_ids`, and for each side those that come after the prompt's.
    """

    rows: list[Row]
    refused: dict[str, int]
    ends: bool
    read: Sequence[Row] = ()


def check(
    rows: Sequence[Row], tokenizer: Any, length: int | None, *, embeddings: int | None = None, ends: Collection[int] = (),
    keep: bool = False,
) -> Checked:  # fmt: skip
    """The rows with what is wrong sorted out.

    `length` bounds the tokens of a prompt with its answer, or of one without; None is no bound. Nothing is ever truncated.
    `embeddings` is how many tokens the model knows, `ends` are those that end an answer.
    `keep` keeps the tokens of rows that pass.
    """
    kept, refused, ended, read = [], Counter[str](), False, []
    for row in rows:
        prompt = tokens(tokenizer, row["prompt"], add_generation_prompt=True)
        names = [name for name in SIDES if name in row]
        sides = [tokens(tokenizer, row["prompt"] + row[name]) for name in names]
        kind = _kind(prompt, sides, length, embeddings)
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
    """The refused rows for people, one line a kind."""
    return "\n".join(f"{count:,} rows refused as {kind}: {MEANING[kind]}." for kind, count in refused.items())


def doubts(checked: Checked, arguments: Any) -> list[str]:
    """What may be meant and is told anyway: a line each."""
    found = []
    if checked.rows and not checked.ends:
        found.append("No answer ends with the model's end token as the chat template shows it: it will not learn to stop.")
    labels = Counter(row["label"] for row in checked.rows if "label" in row)
    if labels:
        found += _unbalanced(labels[True] * arguments.desirable_weight, labels[False] * arguments.undesirable_weight)
        found += _contradicted(checked.rows)
    return found


def tokens(tokenizer: Any, messages: Sequence[Any], **options: Any) -> list[int]:
    """Messages as the model reads them."""
    return list(tokenizer.apply_chat_template(messages, return_dict=True, **options)["input_ids"])


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
    answers = Counter((said(row["prompt"]), said(row["completion"])) for row in rows)
    both = sum(count > 1 for count in answers.values())
    return [f"{both:,} answers are desired in one pair and undesired in another, and count as both."] if both else []

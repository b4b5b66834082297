"""Completions that wait to be computed together, and how they are cut into batches."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar


@dataclass(frozen=True, slots=True)
class Settings:
    """What all completions of one batch share. `limit` bounds the output; `top` is as an ask's `top_logprobs`."""

    temperature: float
    top_p: float
    limit: int
    top: int | None


@dataclass(frozen=True, slots=True)
class Draw:
    """One completion to compute: the prompt's token ids, and the seed of its sampling."""

    ids: tuple[int, ...]
    seed: int
    settings: Settings


T = TypeVar("T")

# Where the context is shorter than what may be written, each prompt leaves another room; prompts whose room is alike
# to this many tokens still share a batch.
ROOM_STEP: Final = 64


def output_limit(max_tokens: int, room: int) -> int:
    """How many tokens to write at most, where `room` is left in the context. Depends on nothing but the two."""
    if max_tokens <= room:
        return max_tokens
    return room - room % ROOM_STEP if room > ROOM_STEP else room


def batches(waiting: Iterable[tuple[Draw, T]], size: int) -> Iterator[list[tuple[Draw, T]]]:
    """All of `waiting`, at most `size` at a time: equal settings together, then equal lengths, so little is padding."""
    groups: dict[Settings, list[tuple[Draw, T]]] = defaultdict(list)
    for each in waiting:
        groups[each[0].settings].append(each)
    for group in groups.values():
        group.sort(key=lambda each: len(each[0].ids))
        for start in range(0, len(group), size):
            yield group[start : start + size]

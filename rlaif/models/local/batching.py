"""Divide waiting completions into batches that are computed together."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings that a batch's completions share. `limit` bounds the output; `top` is the request's `top_logprobs`."""

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

# If the context limits the output, each prompt leaves a different room; prompts whose room differs by less than this many
# tokens still share a batch.
ROOM_STEP: Final = 64


def output_limit(max_tokens: int, room: int) -> int:
    """Return the maximum number of output tokens if `room` is left in the context. It depends on these two alone."""
    if max_tokens <= room:
        return max_tokens
    return room - room % ROOM_STEP if room > ROOM_STEP else room


def batches(waiting: Iterable[tuple[Draw, T]], size: int) -> Iterator[list[tuple[Draw, T]]]:
    """Yield all of `waiting` in batches of at most `size`, with equal settings and similar lengths to reduce padding."""
    groups: dict[Settings, list[tuple[Draw, T]]] = defaultdict(list)
    for each in waiting:
        groups[each[0].settings].append(each)
    for group in groups.values():
        group.sort(key=lambda each: len(each[0].ids))
        for start in range(0, len(group), size):
            yield group[start : start + size]

"""Ranges of answer keys: with tens of millions of answers, a table with a row per answer fits in memory only in parts."""

from collections.abc import Iterator
from itertools import pairwise

from rlaif.store.store import Store

# The responses of a range. With three criteria, their scores need about a gigabyte.
AT_ONCE = 8_000_000
# Keys are hexadecimal digests, so this sorts behind all of them.
_END = "g"


def answer_ranges(store: Store, at_once: int = AT_ONCE) -> Iterator[dict[str, str]]:
    """Yield the first key and the end of each range: together they hold all answers, each about `at_once` responses."""
    (size,) = store.rows("SELECT count(*) AS responses FROM responses")
    parts = -(-size["responses"] // at_once) or 1
    ends = ["", *(f"{0x10000 * part // parts:04x}" for part in range(1, parts)), _END]
    for first, end in pairwise(ends):
        yield {"first": first, "end": end}

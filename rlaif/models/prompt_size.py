"""Detect prompts that a server cut: some servers silently drop the beginning of a long prompt and answer the rest.

The bound must never raise a false alarm, so it counts only what needs at least one token in every common tokenizer. A word
(letters or digits between white space) is one token or more in tokenizers that split at white space, which nearly all do;
those that merge words into one token need about 0.9 per word of English. Scripts without spaces need 0.5 or more per
character. Runs of spaces, dots or dashes count for nothing. Two thirds of a token per word, and a quarter per character of
the other scripts, leave room for unusual text.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

from rlaif.core.types import Message

PER_WORD: Final = 2 / 3
PER_CHARACTER: Final = 1 / 4
# No server in use has a shorter context. This also excludes servers that count only uncached tokens.
SHORTEST_CONTEXT: Final = 512
# Thai to Burmese, Khmer, kana, Han and Yi: scripts that are written without spaces.
_UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uf900-\ufaff]"
)
# The fields of a usage for cached tokens.
_CACHED: Final = frozenset(
    {"cached_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "prompt_cache_hit_tokens"}
)
# The maximum of the store's integers.
MOST_TOKENS: Final = 2**53
_WORD: Final = re.compile(r"[^\W_]")
_ASCII_BLANKS: Final = b" \n\t\r\x0b\x0c\x1c\x1d\x1e\x1f"


def least_tokens(messages: Sequence[Message]) -> int:
    """Return a lower bound on the number of tokens of these messages, for any common tokenizer."""
    texts = [message["content"] for message in messages]
    words = sum(bool(_WORD.search(word)) for text in texts for word in text.split())
    unspaced = sum(len(_UNSPACED.findall(text)) for text in texts)
    return int(max(words * PER_WORD, unspaced * PER_CHARACTER))


def read_tokens(usage: Any) -> int | None:
    """Return the maximum number of prompt tokens that a server read, by its reported usage; None if it reports none.

    Some servers do not count cached tokens in `prompt_tokens`, so cached tokens are added.
    """
    prompt = count(usage.get("prompt_tokens")) if isinstance(usage, dict) else None
    if not prompt:
        return None
    read, details = prompt, usage.get("prompt_tokens_details")
    for name in _CACHED & usage.keys():
        read += count(usage[name]) or 0
    if isinstance(details, dict):
        read += count(details.get("cached_tokens")) or 0
    return max(read, (count(usage.get("total_tokens")) or 0) - (count(usage.get("completion_tokens")) or 0))


def count(value: Any) -> int | None:
    """Return a number of tokens; None for anything else."""
    return value if type(value) is int and 0 <= value < MOST_TOKENS else None


def was_cut(messages: Sequence[Message], read: int | None) -> bool:
    """Return whether a server that `read` this many tokens of these messages cannot have read all of them."""
    # Each word takes two characters or more, with the blank after it.
    longest = sum(len(message["content"]) + 1 for message in messages) * PER_WORD / 2
    if read is None or longest <= max(read, SHORTEST_CONTEXT) or read >= _at_most(messages):
        return False
    least = least_tokens(messages)
    return least > SHORTEST_CONTEXT and read < least


def _at_most(messages: Sequence[Message]) -> float:
    """Return a cheap upper bound on `least_tokens`, because the client checks thousands of replies a second."""
    texts = [message["content"] for message in messages]
    words = sum(_most_words(text) for text in texts)
    # Characters of these scripts have three bytes in UTF-8.
    unspaced = sum(len(text.encode("utf-8", "surrogatepass")) - len(text) for text in texts if not text.isascii()) / 2
    return max(words * PER_WORD, unspaced * PER_CHARACTER)


def _most_words(text: str) -> int:
    """Return an upper bound on the number of words: one more than the blanks (faster than splitting)."""
    if not text.isascii():
        return len(text.split())
    return 1 + len(text) - len(text.encode("ascii").translate(None, _ASCII_BLANKS))

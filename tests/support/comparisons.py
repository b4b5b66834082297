"""Comparisons given as rows, of the answers to one prompt, by their places."""

from typing import Any

from rlaif.core.types import answer_key
from rlaif.judging.rubric import Compare
from rlaif.store.store import Row
from tests.support.stores import JUDGE, prompt

BETTER = Compare(name="better", kind="compare", question="Which one is true to the document?")
# In the order of their keys.
NAMES = sorted("abcde", key=lambda text: answer_key(prompt("p").key, text))


def met(first: int, second: int, preferred: str | None, repeat: int = 0, attempt: int = 0, **more: Any) -> Row:
    asked = prompt("p").key
    one, two = (answer_key(asked, NAMES[place]) for place in (first, second))
    return {
        "prompt": asked,
        "first": one,
        "second": two,
        "judge": JUDGE,
        "criterion": BETTER.key,
        "preferred": preferred,
        "verdict": "v",
        "repeat": repeat,
        "attempt": attempt,
    } | more


def won(better: int, worse: int) -> list[Row]:
    """One better than the other in both orders."""
    return [met(better, worse, "first"), met(worse, better, "second")]

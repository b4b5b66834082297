"""Prompts, responses and scores, added to a store one by one for tests of evaluations."""

from typing import Any

from rlaif.store.store import Store


def ask(store: Store, prompt: str, *, bucket: int = 0, position: int = 0) -> None:
    store.append("prompts", [{"key": prompt, "messages": "[]", "bucket": bucket, "position": position}])
    store.append("active_prompts", [{"prompt": prompt}])


def respond(store: Store, prompt: str, generator: str, text: str | None, *, sample: int = 0, **extra: Any) -> str:
    """A response to a prompt; None is a failed one. Gives the key of the answer."""
    answer = f"{prompt}/{text}"
    made = {"failure": "timeout"} if text is None else {"answer": answer, "text": text, "output_tokens": len(text)}
    row = {"key": f"{prompt}/{generator}/{sample}", "prompt": prompt, "generator": generator, "sample": sample}
    store.append("responses", [row | {"attempt": 0} | made | extra])
    return answer


def score(store: Store, answer: str, judge: str = "J", *, repeat: int = 0, **values: float | str) -> None:
    """Scores by criterion: a number, or a failure kind."""
    for criterion, value in values.items():
        given = {"failure": value} if isinstance(value, str) else {"value": value}
        row = {"answer": answer, "judge": judge, "criterion": criterion, "repeat": repeat, "attempt": 0}
        store.append("scores", [row | given])

"""Stores filled by hand, for tests that start from given rows."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rlaif.config import Config, Pipeline
from rlaif.config.yaml import YamlFile
from rlaif.context.run import Context
from rlaif.core.types import Prompt, answer_key, key
from rlaif.pairs import build
from rlaif.pairs.pairing import Pairing
from rlaif.pairs.rule import load_rule
from rlaif.store.store import Row, Store

JUDGE = "judge"
GENERATOR = "generator"


def context(store: Store, folder: Path, **sections: object) -> Context:
    """A pipeline given as sections, over an open store."""
    data = {"name": "test", "out": str(folder), "collect": {"sources": [{"path": "x.jsonl"}]}} | sections
    return Context(Config(Pipeline.model_validate(data), YamlFile(folder / "test.yaml", dict(data), {})), store)


def make_pairs(context: Context, *given: Any, **more: Any) -> Pairing:
    """Make pairs by the rule of the context's pipeline."""
    return build.run(load_rule(context.config), context, *given, **more)


def prompt(name: str) -> Prompt:
    """A prompt that is known by its name."""
    return Prompt(({"role": "user", "content": name},))


def criteria(
    names: Mapping[str, tuple[float, float]], weights: Mapping[str, float] = {}, floors: Mapping[str, float] = {}
) -> list[Row]:
    """Criteria as the pair stage takes them: key, name, weight, low, high, floor."""
    return [
        {
            "key": key("criterion", name),
            "name": name,
            "weight": weights.get(name, 1.0),
            "low": low,
            "high": high,
            "floor": floors.get(name),
        }
        for name, (low, high) in names.items()
    ]


def fill(store: Store, table: Mapping[str, Sequence[Mapping[str, object]]]) -> dict[str, dict[str, str]]:
    """Prompts by name, each with its responses: `text`, optional `finish` and `failure`, and the other keys as scores.

    A score is a number, a failure kind, or None for none at all. Returns the response keys by prompt and text.
    """
    keys: dict[str, dict[str, str]] = {}
    rows: dict[str, list[Row]] = {"prompts": [], "active_prompts": [], "responses": [], "scores": []}
    for position, (name, responses) in enumerate(table.items()):
        asked = prompt(name)
        keys[name] = {}
        rows["prompts"].append(
            {
                "key": asked.key,
                "normal_key": asked.normal_key,
                "messages": json.dumps(list(asked.messages)),
                "bucket": 9999,
                "position": position,
            }
        )
        rows["active_prompts"].append({"prompt": asked.key})
        for sample, given in enumerate(responses):
            _respond(rows, asked.key, sample, dict(given), keys[name])
    for name, found in rows.items():
        store.append(name, found)
    return keys


def _respond(rows: dict[str, list[Row]], asked: str, sample: int, given: dict[str, object], keys: dict[str, str]) -> None:
    text = str(given.pop("text"))
    answer = answer_key(asked, text)
    response = key("response", asked, GENERATOR, sample)
    keys.setdefault(text, response)
    rows["responses"].append(
        {
            "key": response,
            "prompt": asked,
            "generator": GENERATOR,
            "sample": sample,
            "answer": answer,
            "text": text,
            "finish": given.pop("finish", "stop"),
            "failure": given.pop("failure", None),
            "attempt": 0,
        }
    )
    for name, value in given.items():
        failed = isinstance(value, str)
        if value is not None:
            rows["scores"].append(
                {
                    "answer": answer,
                    "judge": JUDGE,
                    "criterion": key("criterion", name),
                    "repeat": 0,
                    "attempt": 0,
                    "value": None if failed else float(value),
                    "failure": value if failed else None,  # type: ignore[arg-type]
                }
            )


def outcomes(store: Store, pairing: str) -> list[Row]:
    """The outcomes of a pairing, one by one; they must be as many of each as were counted when it was made."""
    rows = store.rows("FROM outcomes WHERE pairing = $pairing", pairing=pairing)
    counted = store.rows("FROM outcomes_counted WHERE pairing = $pairing", pairing=pairing)
    one_by_one = Counter(("prompts" if row["response"] is None else "responses", row["outcome"]) for row in rows)
    assert {(row["what"], row["outcome"]): row["n"] for row in counted} == one_by_one
    return rows


def append_criteria(store: Store, ranges: Mapping[str, tuple[float, float]]) -> None:
    """Store criteria by name and range. The one called `exact` is a check, others are scales."""
    store.append(
        "criteria",
        [
            {
                "key": key("criterion", name),
                "name": name,
                "kind": "check" if name == "exact" else "scale",
                "low": low,
                "high": high,
            }
            for name, (low, high) in ranges.items()
        ],
    )

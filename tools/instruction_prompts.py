"""Print the prompts of `pipelines/instructions.yaml` as JSONL: requests with constraints that a program can check.

    python -m tools.instruction_prompts > pipelines/data/instruction_prompts.jsonl

The columns are those of IFEval: `prompt`, `instruction_id_list` and `kwargs`.
"""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).parents[1] / "prompts" / "instructions" / "constraints.yaml"
COUNT = 162


def main() -> None:
    """Print the prompts."""
    for row in prompts(yaml.safe_load(FILE.read_text(encoding="utf-8")), COUNT):
        print(json.dumps(row, ensure_ascii=False))


def prompts(parts: dict[str, Any], count: int, seed: int = 0) -> Iterator[dict[str, Any]]:
    """Yield `count` prompts, each with another pair of request and topic."""
    rng = random.Random(seed)
    pairs = [(request, topic) for request in parts["requests"] for topic in parts["topics"]]
    for request, topic in rng.sample(pairs, count):
        texts, types, arguments = [request.format(topic=topic)], [], []
        for constraint in _drawn(rng, parts["constraints"], rng.choice([2, 2, 3])):
            given = {name: rng.choice(values) for name, values in constraint.get("arguments", {}).items()}
            texts.append(rng.choice(constraint["texts"]).format(**{name: _words(value) for name, value in given.items()}))
            types.append(constraint["type"])
            arguments.append(given)
        yield {"prompt": " ".join(texts), "instruction_id_list": types, "kwargs": arguments}


def _drawn(rng: random.Random, constraints: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """Return different constraints, drawn by weight."""
    left, drawn = list(constraints), []
    for _ in range(count):
        drawn.append(rng.choices(left, [each["weight"] for each in left])[0])
        left.remove(drawn[-1])
    return drawn


def _words(value: Any) -> Any:
    return " and ".join(value) if isinstance(value, list) else value


if __name__ == "__main__":
    main()

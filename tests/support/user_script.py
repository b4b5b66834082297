"""A user's script, which type checkers must accept as it is: `make lint` runs `mypy --strict` on it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import rlaif
from rlaif.core.types import Prompt
from rlaif.pairs.python_strategy import Candidate


@rlaif.source
def questions() -> Iterator[dict[str, str]]:
    yield {"prompt": "What is 6 times 7?"}


@rlaif.judge(low=0, high=1)
def brief(prompt: Prompt, response: str) -> float:
    return 1 / (1 + len(response))


@rlaif.check(version="1")
async def answers(prompt: Prompt, response: str) -> tuple[float, str]:
    return float("42" in response), "looks for 42"


@rlaif.strategy
def ends(candidates: list[Candidate]) -> list[tuple[Candidate, Candidate]]:
    return [(candidates[0], candidates[-1])]


def main() -> None:
    p: rlaif.Pipeline = rlaif.open(Path("notes.yaml"), quiet=True, pair={"min_margin": 5})
    cost: float = p.plan().usd.expected
    result: rlaif.Result = p.run()
    pairs: int = result.pairing.pairs if result.pairing else 0
    rows: list[tuple[object, ...]] = p.pairs(judge="strict", min_margin=10).filter("margin > 20").fetchall()
    flipped: int = p.diff(b={"pair": {"judge": "strict"}}).flipped
    where: Path = p.report()
    print(cost, pairs, rows, flipped, where, p.explain("ab12").responses, p.evaluate().matches, p.train().path)


async def watch() -> rlaif.Result:
    return await rlaif.Pipeline({"name": "own", "collect": {"sources": [questions]}}).arun()


if __name__ == "__main__":
    main()
    asyncio.run(watch())

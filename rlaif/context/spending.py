"""The spending of a pipeline over all runs: in its store, and in those of its evaluation tasks and judge benchmarks."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from rlaif.config import Config, Pipeline
from rlaif.context import pricing
from rlaif.models.openai.inspector import CACHE, READ
from rlaif.store.store import Store


@dataclass(frozen=True, slots=True)
class Spent:
    """The spending of one stage on one model over all runs: `replies` for a number of `units` of work.

    A response is a unit, and so is a judgement. `usd` is None if the price is unknown.
    """

    stage: str
    model: str
    replies: int
    units: int
    prompt_tokens: int
    output_tokens: int
    usd: float | None
    price: str
    guessed: int

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.output_tokens


_CACHED: Final = """
SELECT server, model, value, sum(times)::BIGINT AS tokens FROM server_observations
WHERE remark = $remark GROUP BY server, model, value ORDER BY server, model, value
"""

# The models of the generators as JSON, the newest first.
_GENERATORS: Final = """
    SELECT (spec -> '$.model')::VARCHAR AS model, arg_max(name, rowid) AS name FROM generators
    WHERE json_type(spec -> '$.model') = 'OBJECT' GROUP BY model ORDER BY max(rowid) DESC
"""


def spent(store: Store, pipeline: Pipeline) -> list[Spent]:
    """Return the cost of the store's responses, verdicts and notes at today's prices, by stage and model.

    `price` is the source of the price: "file", "genai-prices", "local" or "unknown". `guessed` counts replies without token
    counts. Models with a prompt cache have further rows for what the cache saves, as a negative cost, and what it adds.
    """
    found, variants = [], _variants(store)
    for row in store.query("context/sql/spent"):
        name, rate = pricing.recorded_rate(json.loads(row["model"]), pipeline.models, variants.get(row["model"]))
        usd = rate.cost(row["prompt_tokens"], row["output_tokens"]) if rate else None
        price = rate.source if rate else "unknown"
        found.append(Spent(**row | {"model": name}, usd=usd, price=price))
    return found + _cached(store, pipeline)


def _variants(store: Store) -> dict[str, str]:
    """Return the names of the generators by model, for models that the file does not name, such as trained ones.

    Of several models with one name, the newest has it alone; the others also have the start of their checkpoint's digest.
    """
    names: dict[str, str] = {}
    for row in store.query(_GENERATORS):
        short = str((json.loads(row["model"]) or {}).get("checkpoint"))[:8]
        names[row["model"]] = f"{row['name']} {short}" if row["name"] in names.values() else row["name"]
    return names


def _cached(store: Store, pipeline: Pipeline) -> list[Spent]:
    """Return by how much prompt caches change the cost of the other rows, whose prompt tokens include the cached ones."""
    found = []
    for row in store.query(_CACHED, remark=CACHE):
        name, rate = pricing.served_rate(row["server"], row["model"], pipeline.models)
        if rate and rate.source != pricing.LOCAL.source:
            usd = rate.cached(row["tokens"]) if row["value"] == READ else rate.added(row["tokens"])
            found.append(Spent(f"{CACHE}: {row['value']}", name, 0, 0, 0, 0, usd, rate.source, 0))
    return found


def spent_in_all(store: Store, config: Config, but: str | None = None) -> list[Spent]:
    """Return the spending in the pipeline's store and in those of its evaluation tasks, except the task `but`."""
    return [*spent(store, config.pipeline), *spent_on_tasks(config, but)]


def spent_on_tasks(config: Config, but: str | None = None) -> list[Spent]:
    """Return the spending in the stores of the evaluation tasks and of the benchmarks of judges.

    Leaves out the task or benchmark `but`, whose store may be open already.
    """
    section = config.pipeline.evaluate
    paths = {f"task {task.name}": config.task_folder(task.name) for task in (section.tasks if section else ())}
    paths |= {f"judge-bench {path.name}": path for path in sorted(config.bench_folder.glob("*"))}
    found = []
    for name, folder in paths.items():
        path = folder / "store.duckdb"
        if folder.name != but and path.exists():
            with Store(path, read_only=True) as store:
                found += [replace(row, stage=f"{name}: {row.stage}") for row in spent(store, config.pipeline)]
    return found


def money(usd: float | None, price: str = "") -> str:
    """Return an amount as text, such as "$0.42"; "local" for the user's own hardware, "unknown" without a price."""
    if usd is None:
        return "unknown"
    if price == "local":
        return "local"
    sign, amount = "-" if usd < 0 else "", abs(usd)
    return f"{sign}${amount:,.2f}" if amount >= 1 or usd == 0 else f"{sign}${amount:.2g}"


def total_cost(costs: Sequence[Spent]) -> str:
    """Return the total of several costs as text; "local" if all of them are, and "at least …" if a price is unknown."""
    priced = [row.usd for row in costs if row.usd is not None and row.price != "local"]
    unknown = any(row.usd is None for row in costs)
    if not priced:
        return "unknown" if unknown else "local" if costs else money(0.0)
    return ("at least " if unknown else "") + money(sum(priced))

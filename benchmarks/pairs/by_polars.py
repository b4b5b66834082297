"""The strategies as a careful user of polars writes them, over Parquet files of the same facts; pairs are written, and no
outcomes. Points are integers, so that margins are exact here too.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl

MARGIN = 20
Frame = pl.LazyFrame
NEEDED = ["prompt", "response", "points", "vetoed", "coin"]


def run(strategy: str, folder: Path, target: Path) -> int:
    """Writes the pairs of a strategy to `target`; how many there are."""
    made = STRATEGIES[strategy](Facts(folder)).collect(engine="streaming")
    made.write_parquet(target)
    return made.height


def with_texts(folder: Path, target: Path) -> int:
    """The same of best against worst with both texts."""
    facts = Facts(folder)
    made = best_vs_worst(facts)
    texts = facts.responses.select("key", "text")
    for side in ("chosen", "rejected"):
        made = made.join(texts.rename({"key": side, "text": f"{side}_text"}), on=side)
    found = made.collect(engine="streaming")
    found.write_parquet(target)
    return found.height


class Facts:
    """The facts as a store holds them, in Parquet."""

    def __init__(self, folder: Path) -> None:
        self.scores = pl.scan_parquet(folder / "scores.parquet").filter(pl.col("value").is_not_null())
        self.responses = pl.scan_parquet(folder / "responses.parquet")

    def candidates(self, *more: str) -> Frame:
        """One row an answer that has every score, with the further columns of its response."""
        points = self.scores.group_by("answer").agg(
            (pl.col("value") - 1).sum().cast(pl.Int64).alias("points"), pl.len().alias("n")
        )
        return (
            self.responses.join(points.filter(pl.col("n") == 3), on="answer")
            .unique("answer", keep="any")
            .select(
                "prompt",
                pl.col("key").alias("response"),
                "answer",
                "points",
                *more,
                (pl.col("finish") != "stop").alias("vetoed"),
                pl.col("answer").hash(0).alias("coin"),
            )
        )

    def marks(self) -> Frame:
        """The scores by answer, one column a criterion."""
        names = self.scores.select(pl.col("criterion").unique()).collect()["criterion"].sort()
        columns = [
            pl.col("value").filter(pl.col("criterion") == name).first().alias(f"c{n}") for n, name in enumerate(names)
        ]
        return self.scores.group_by("answer").agg(columns)


def best(frame: Frame, by: list[str]) -> Frame:
    rows = frame.filter(~pl.col("vetoed")).group_by(by)
    order = pl.struct("points", "coin")
    return rows.agg(pl.col("response").sort_by(order).last().alias("chosen"), pl.col("points").max().alias("most"))


def worst(frame: Frame, by: list[str]) -> Frame:
    order = pl.struct("points", "coin")
    return frame.group_by(by).agg(
        pl.col("response").sort_by(order).first().alias("rejected"),
        pl.col("points").min().alias("least"),
        pl.col("coin").sort_by(order).first(),
    )


def leading(frame: Frame) -> Frame:
    return frame.with_columns((pl.col("most") - pl.col("least")).alias("lead")).filter(pl.col("lead") > 0)


def pairs(frame: Frame) -> Frame:
    return frame.select("prompt", "chosen", "rejected", "lead")


def best_vs_worst(facts: Facts) -> Frame:
    found = facts.candidates().select(NEEDED)
    return pairs(leading(best(found, ["prompt"]).join(worst(found, ["prompt"]), on="prompt")))


def lower(facts: Facts) -> Frame:
    found = facts.candidates().select(NEEDED)
    return found.join(best(found, ["prompt"]), on="prompt").filter(pl.col("points") < pl.col("most"))


def picked(frame: Frame, order: pl.Expr) -> Frame:
    first = frame.group_by("prompt").agg(
        pl.col("chosen").first(),
        pl.col("most").first(),
        pl.col("response").sort_by(order).first().alias("rejected"),
        pl.col("points").sort_by(order).first().alias("least"),
    )
    return pairs(leading(first))


def best_vs_second(facts: Facts) -> Frame:
    return picked(lower(facts), pl.struct(-pl.col("points"), "coin"))


def best_vs_random(facts: Facts) -> Frame:
    return picked(lower(facts), pl.struct("coin"))


def max_vs_min_of(facts: Facts) -> Frame:
    found = facts.candidates().select(NEEDED)
    others = found.join(best(found, ["prompt"]), on="prompt").filter(pl.col("response") != pl.col("chosen"))
    drawn = others.filter(pl.col("coin").rank("ordinal").over("prompt") <= 5)
    return picked(drawn, pl.struct("points", "coin"))


def best_vs_two_sigma(facts: Facts) -> Frame:
    found = facts.candidates().select(NEEDED)
    points = pl.col("points").cast(pl.Float64)
    aims = found.group_by("prompt").agg((points.mean() - 2 * points.std(ddof=0)).alias("aim"))
    return picked(lower(facts).join(aims, on="prompt"), pl.struct((pl.col("points") - pl.col("aim")).abs(), "coin"))


def widest(frame: Frame, *fits: pl.Expr, most: int = 1) -> Frame:
    other = frame.select(pl.all().exclude("prompt").name.suffix("_r"), "prompt")
    lead = pl.col("points") - pl.col("points_r")
    two = frame.filter(~pl.col("vetoed")).join(other, on="prompt").filter(lead > 0, *fits).with_columns(lead.alias("lead"))
    order = [-pl.col("lead"), pl.col("coin"), pl.col("coin_r")]
    columns = [pl.col("response").alias("chosen"), pl.col("response_r").alias("rejected"), pl.col("lead")]
    if most == 1:
        first = two.group_by("prompt").agg(column.sort_by(*order).first() for column in columns)
    else:
        first = two.group_by("prompt").agg(column.sort_by(*order).head(most) for column in columns)
        first = first.explode("chosen", "rejected", "lead")
    return pairs(first)


def all_above_margin(facts: Facts) -> Frame:
    enough = 100 * (pl.col("points") - pl.col("points_r")) >= MARGIN * 12
    return widest(facts.candidates().select(NEEDED), enough, most=4)


def matched_length(facts: Facts) -> Frame:
    found = facts.candidates("text").with_columns(pl.col("text").str.len_chars().cast(pl.Int64).alias("length"))
    near = (pl.col("length") - pl.col("length_r")).abs() <= 0.1 * pl.max_horizontal("length", "length_r")
    return widest(found.select(*NEEDED, "length"), near)


def pareto(facts: Facts) -> Frame:
    found = facts.candidates().join(facts.marks(), on="answer").select(*NEEDED, "c0", "c1", "c2")
    return widest(found, *(pl.col(name) >= pl.col(f"{name}_r") for name in ("c0", "c1", "c2")))


def one_criterion(facts: Facts) -> Frame:
    found = facts.candidates().join(facts.marks(), on="answer")
    by = ["prompt", "c1", "c2"]
    ends = leading(best(found, by).join(worst(found, by), on=by))
    order = [-pl.col("lead"), pl.col("coin")]
    return pairs(
        ends.group_by("prompt").agg(pl.col(name).sort_by(*order).first() for name in ("chosen", "rejected", "lead"))
    )


def own_vs_other(facts: Facts) -> Frame:
    found = facts.candidates("generator").with_columns((pl.col("generator") == "writer").alias("own"))
    by = ["prompt", "own"]
    under = worst(found, by).with_columns(~pl.col("own"))
    ends = leading(best(found, by).join(under, on=by))
    order = [-pl.col("lead"), pl.col("coin")]
    return pairs(
        ends.group_by("prompt").agg(pl.col(name).sort_by(*order).first() for name in ("chosen", "rejected", "lead"))
    )


def checks_alone(facts: Facts) -> Frame:
    check = facts.scores.filter(pl.col("criterion") == pl.col("criterion").max())
    found = facts.candidates().join(check.select("answer", "value"), on="answer")
    order = pl.struct("coin")
    passing = found.filter((pl.col("value") == 5) & ~pl.col("vetoed"))
    one = passing.group_by("prompt").agg(pl.col("response").sort_by(order).first().alias("chosen"), pl.lit(4).alias("most"))
    failing = found.filter(pl.col("value") < 5).group_by("prompt")
    two = failing.agg(
        pl.col("response").sort_by(order).first().alias("rejected"),
        (pl.col("value").sort_by(order).first() - 1).alias("least"),
    )
    return pairs(leading(one.join(two, on="prompt")))


def length_penalised(facts: Facts) -> Frame:
    found = facts.candidates("text").with_columns(pl.col("text").str.len_chars().cast(pl.Float64).alias("length"))
    found = found.select(*NEEDED, "length").collect(engine="streaming").lazy()
    top = found.select((pl.col("points").max() - pl.col("points").min()) / pl.col("length").mean()).collect().item()
    drawn = found.select(pl.col("prompt").unique()).sort(pl.col("prompt").hash(0)).head(10_000)
    sample = found.join(drawn, on="prompt", how="semi").collect().lazy()
    fitted = min((top * step * step / 4096 for step in range(65)), key=lambda penalty: _miss(sample, penalty))
    return pairs(_penalised(found, fitted))


def _penalised(found: Frame, penalty: float) -> Frame:
    order = pl.struct(pl.col("points") - penalty * pl.col("length"), "coin")
    top = (
        found.filter(~pl.col("vetoed"))
        .group_by("prompt")
        .agg(
            pl.col("response").sort_by(order).last().alias("chosen"),
            pl.col("points").sort_by(order).last().alias("most"),
            pl.col("length").sort_by(order).last().alias("chosen_length"),
        )
    )
    low = found.group_by("prompt").agg(
        pl.col("response").sort_by(order).first().alias("rejected"),
        pl.col("points").sort_by(order).first().alias("least"),
        pl.col("length").sort_by(order).first().alias("rejected_length"),
    )
    return leading(top.join(low, on="prompt"))


def _miss(sample: Frame, penalty: float) -> float:
    longer = (pl.col("chosen_length") - pl.col("rejected_length")).sign().mean() / 2 + 0.5
    return abs((_penalised(sample, penalty).select(longer).collect().item() or 0.0) - 0.5)


def _strategies() -> Iterator[tuple[str, Callable[[Facts], Frame]]]:
    for each in (
        best_vs_worst,
        best_vs_second,
        best_vs_random,
        best_vs_two_sigma,
        max_vs_min_of,
        all_above_margin,
        matched_length,
        pareto,
        one_criterion,
        own_vs_other,
        checks_alone,
        length_penalised,
    ):
        yield each.__name__, each


STRATEGIES = dict(_strategies())

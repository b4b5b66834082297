"""What a strategy and its options name must be there, or it would make no pairs without a word."""

from collections.abc import Mapping, Sequence

from rlaif.config import Config, Pair
from rlaif.config.yaml import did_you_mean
from rlaif.core.errors import InputError
from rlaif.judging.rubric import load_rubric
from rlaif.pairs.weights import PairJudge


def check_generator(config: Config, options: Mapping[str, object], writers: Sequence[str]) -> None:
    """An option that names a generator must name one of those whose responses are paired, and there must be another.

    Raises InputError otherwise.
    """
    named, where = options.get("generator"), config.file.where(("pair", "options", "generator"))
    # Each round's writer has a name of its own.
    names = {name.partition(", round ")[0] for name in writers}
    if named is None:
        return
    if str(named).partition(", round ")[0] not in names:
        raise InputError(f"no generator is called {named!r}", where=where, fix=did_you_mean(str(named), names))
    if len(writers) == 1:
        fix = "Import other responses by a source's `columns.responses`, or take another strategy."
        raise InputError(f"there are responses by {named!r} alone, and by nobody to compare them with", where=where, fix=fix)


def check_checks(config: Config, settings: Pair, members: Sequence[PairJudge]) -> None:
    """Raises InputError where `checks_alone` is asked for, and no criterion of kind `check` of these judges has weight."""
    criteria = [row for member in members for row in member.criteria if row["kind"] == "check"]
    if settings.strategy == "checks_alone" and not any(settings.weights.get(row["name"], row["weight"]) for row in criteria):
        raise InputError(
            f"checks_alone needs a criterion of kind `check`, and {' and '.join(member.name for member in members)} has none"
            + (" with a weight" if criteria else ""),
            where=config.file.where(("pair", "strategy")), fix="Name a judge whose rubric has checks under `pair.judge`.",
        )  # fmt: skip


def check_votes(config: Config, settings: Pair, judges: Sequence[str]) -> None:
    """Raises InputError where the strategy `votes` has no comparisons to count.

    Votes of several people can be mixed; of a judge that scores, and of several judges of the file, there are none.
    """
    where, ours = config.file.where(("pair", "strategy")), [name for name in judges if name in config.pipeline.judges]
    if ours and len(judges) > 1:
        raise InputError(
            f"the strategy votes counts the comparisons of one judge or of people, and {len(judges)} judges are named: "
            f"{', '.join(judges)}", where=where,
            fix="Name one under `pair.judge`, or choose another strategy with `mix: majority`.",
        )  # fmt: skip
    for name in ours:
        rubric = load_rubric(config.find(config.pipeline.judges[name].rubric, ("judges", name, "rubric")))
        if not any(each.kind == "compare" and settings.weights.get(each.name, each.weight) for each in rubric.criteria):
            raise InputError(
                f"the strategy votes needs comparisons, and judge {name} has no criterion of kind `compare` with a weight",
                where=where, fix="Choose another strategy, such as best_vs_worst, or another rubric for that judge.",
            )  # fmt: skip

"""Check what a strategy needs and what its options name; otherwise it would silently make no pairs."""

from collections.abc import Mapping, Sequence

from rlaif.config import Config, Pair
from rlaif.config.yaml import did_you_mean
from rlaif.core.errors import InputError
from rlaif.judging.rubric import load_rubric
from rlaif.pairs.weights import PairJudge


def check_generator(config: Config, options: Mapping[str, object], writers: Sequence[str]) -> None:
    """Check that a `generator` option names one whose responses are paired, and that there is another generator.

    Raises InputError otherwise.
    """
    named, where = options.get("generator"), config.file.where(("pair", "options", "generator"))
    # The generator of each round has a separate name.
    names = {name.partition(", round ")[0] for name in writers}
    if named is None:
        return
    if str(named).partition(", round ")[0] not in names:
        raise InputError(f"no generator is called {named!r}", where=where, fix=did_you_mean(str(named), names))
    if len(writers) == 1:
        fix = "Import other responses by a source's `columns.responses`, or choose another strategy."
        raise InputError(f"{named!r} is the only generator with responses to pair", where=where, fix=fix)


def check_checks(config: Config, settings: Pair, members: Sequence[PairJudge]) -> None:
    """Check that these judges have a weighted criterion of kind `check` for `checks_alone`. Raises InputError otherwise."""
    criteria = [row for member in members for row in member.criteria if row["kind"] == "check"]
    if settings.strategy == "checks_alone" and not any(settings.weights.get(row["name"], row["weight"]) for row in criteria):
        raise InputError(
            f"checks_alone needs a criterion of kind `check`, and {' and '.join(member.name for member in members)} has none"
            + (" with a weight" if criteria else ""),
            where=config.file.where(("pair", "strategy")),
            fix="Name a judge whose rubric has checks under `pair.judge`.",
        )


def check_votes(config: Config, settings: Pair, judges: Sequence[str]) -> None:
    """Check that the strategy `votes` has comparisons to count. Raises InputError otherwise.

    Votes of several people can be mixed; comparisons of several judges of the file cannot.
    """
    where, ours = config.file.where(("pair", "strategy")), [name for name in judges if name in config.pipeline.judges]
    if ours and len(judges) > 1:
        raise InputError(
            f"the strategy votes counts the comparisons of one judge or of people, and {len(judges)} judges are named: "
            f"{', '.join(judges)}",
            where=where,
            fix="Name one under `pair.judge`, or choose another strategy with `mix: majority`.",
        )
    for name in ours:
        rubric = load_rubric(config.find(config.pipeline.judges[name].rubric, ("judges", name, "rubric")))
        if not any(each.kind == "compare" and settings.weights.get(each.name, each.weight) for each in rubric.criteria):
            raise InputError(
                f"the strategy votes needs comparisons, and judge {name} has no criterion of kind `compare` with a weight",
                where=where,
                fix="Choose another strategy, such as best_vs_worst, or another rubric for that judge.",
            )

"""Check what a strategy needs and what its options name; otherwise it would silently make no pairs."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rlaif.config.yaml import did_you_mean
from rlaif.core.errors import InputError
from rlaif.pairs.rule import PairRule
from rlaif.pairs.weights import PairJudge

if TYPE_CHECKING:
    from rlaif.judging.rubric import Rubric

# Options of strategies that name a generator.
_GENERATORS = ("generator", "strong", "weak")


def check_generator(rule: PairRule, generators: Sequence[str]) -> None:
    """Check that options for generators name different ones whose responses are paired, and that there is another one.

    Raises InputError otherwise.
    """
    options = {name: str(rule.settings.options[name]) for name in _GENERATORS if name in rule.settings.options}
    # The generator of each round has a separate name.
    names = {name.partition(", round ")[0] for name in generators}
    for option, named in options.items():
        where = rule.where("options", option)
        if named.partition(", round ")[0] not in names:
            raise InputError(f"no generator is called {named!r}", where=where, fix=did_you_mean(named, names))
        if len(generators) == 1:
            fix = "Add a generator under `generate.generators`, import other responses, or choose another strategy."
            raise InputError(f"{named!r} is the only generator with responses to pair", where=where, fix=fix)
    if len(set(options.values())) < len(options):
        where = rule.where("options")
        raise InputError("the same generator is named twice", where=where, fix="Name two different generators.")


def check_checks(rule: PairRule, members: Sequence[PairJudge]) -> None:
    """Check that these judges have a weighted criterion of kind `check` for `checks_alone`. Raises InputError otherwise."""
    settings = rule.settings
    criteria = [row for member in members for row in member.criteria if row["kind"] == "check"]
    if settings.strategy == "checks_alone" and not any(settings.weights.get(row["name"], row["weight"]) for row in criteria):
        raise InputError(
            f"checks_alone needs a criterion of kind `check`, and {' and '.join(member.name for member in members)} has none"
            + (" with a weight" if criteria else ""),
            where=rule.where("strategy"),
            fix="Name a judge whose rubric has checks under `pair.judge`.",
        )


def check_votes(rule: PairRule, judges: Sequence[str], rubrics: Mapping[str, "Rubric"]) -> None:
    """Check that the strategy `votes` has comparisons to count. `rubrics` are those of the judges of the file, by name.

    Votes of several people can be mixed; comparisons of several judges of the file cannot. Raises InputError.
    """
    where, weights = rule.where("strategy"), rule.settings.weights
    if rubrics and len(judges) > 1:
        raise InputError(
            f"the strategy votes counts the comparisons of one judge or of people, and {len(judges)} judges are named: "
            f"{', '.join(judges)}",
            where=where,
            fix="Name one under `pair.judge`, or choose another strategy with `mix: majority`.",
        )
    for name, rubric in rubrics.items():
        if not any(each.kind == "compare" and weights.get(each.name, each.weight) for each in rubric.criteria):
            raise InputError(
                f"the strategy votes needs comparisons, and judge {name} has no criterion of kind `compare` with a weight",
                where=where,
                fix="Choose another strategy, such as best_vs_worst, or another rubric for that judge.",
            )

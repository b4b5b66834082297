"""The pair rule: how scores become pairs, with its strategy and its files loaded and checked once."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from rlaif.config import Config, Pair
from rlaif.config.yaml import YamlFile
from rlaif.core.errors import InputError
from rlaif.pairs import filters, strategy
from rlaif.pairs.strategy import Strategy


@dataclass(frozen=True)
class PairRule:
    """The `pair` section (its defaults if the file has none), its strategy, and the benchmark files of its filters."""

    settings: Pair
    strategy: Strategy
    benchmarks: Mapping[str, Path]
    file: YamlFile
    """The pipeline file, for the places of errors."""

    @cached_property
    def digests(self) -> dict[str, str]:
        """The digests of the benchmark files: when their content changes, the pairs may change."""
        return filters.digests(self.benchmarks)

    def where(self, *place: str | int) -> str:
        """Return a place in the `pair` section as `file:line key`."""
        return self.file.where(("pair", *place))


def load_rule(config: Config) -> PairRule:
    """Load the pair rule of a pipeline. Raises InputError for a wrong strategy or option, or a missing file or package."""
    settings = config.pipeline.pair or Pair()
    if settings.quotas and settings.quotas.by != "source":
        config.pipeline.collect.check_metadata([settings.quotas.by], config.file.where(("pair", "quotas", "by")))
    found = strategy.load(config, settings)
    if not found.needs_judge:
        _check_without_judge(config, settings)
    return PairRule(settings, found, filters.check(config, settings.filters), config.file)


def _check_without_judge(config: Config, settings: Pair) -> None:
    """Check that nothing in the `pair` section needs scores, for a strategy without a judge. Raises InputError otherwise."""
    for name in ("judge", "agree", "weights", "min_margin", "min_confidence"):
        if getattr(settings, name):
            raise InputError(
                f"the strategy {settings.strategy} uses no scores, so `{name}` has no effect on its pairs",
                where=config.file.where(("pair", name)),
                fix=f"Remove `pair.{name}`, or choose another strategy.",
            )

"""Strategies: built-in or user `.sql` files that make pairs from the table `candidates`.

A file's header may declare options, one per comment line: `-- $of = 5: how many are drawn.` has a default, `-- $criterion:
the one that differs.` has none and must be given under `pair.options`. The line `-- judge: none` declares that the strategy
needs no scores.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlaif.config import Config, Pair
from rlaif.config.yaml import did_you_mean, parse_value
from rlaif.core import functions
from rlaif.core.errors import InputError
from rlaif.pairs import python_strategy
from rlaif.pairs.python_strategy import Choose
from rlaif.pairs.sandbox import bare, run
from rlaif.store.store import Store, sql

STRATEGIES = tuple(sorted(path.stem for path in (Path(__file__).parent / "strategies").glob("*.sql")))
_OPTION = re.compile(r"^-- \$(\w+)(?: = ([^:\n]+))?: ", re.MULTILINE)

# The built-in strategies that read only `candidates` and choose among those of one prompt. They are run for a part of the
# prompts at a time, so that memory stays bounded. The others read more, such as texts, and would read it once per part.
BY_PROMPT = frozenset(
    {
        "all_above_margin",
        "best_vs_random",
        "best_vs_second",
        "best_vs_two_sigma",
        "best_vs_worst",
        "max_vs_min_of",
        "one_criterion",
        "pareto",
    }
)
# The responses of a part.
_AT_ONCE = 4_000_000

_WITHOUT_JUDGE = re.compile(r"^-- judge: none\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Strategy:
    """One way to choose pairs. `file` is a user's `.sql` file, None for a built-in strategy."""

    text: str
    options: Mapping[str, Any]
    file: Path | None = None
    choose: Choose | None = None
    """A function that the program has registered."""
    by_prompt: bool = False
    """Whether the statement gives the same pairs if it is run for a part of the prompts at a time."""

    @property
    def asks_scores(self) -> bool:
        """Whether the statement reads a candidate's `scores`, which take time to gather."""
        return bool(re.search(r"\bscores\b", bare(self.text)))

    @property
    def reads_generators(self) -> bool:
        """Whether the statement reads `written_by`, the names of the generators that wrote a candidate."""
        return bool(re.search(r"\bwritten_by\b", bare(self.text)))

    @property
    def needs_judge(self) -> bool:
        """Whether candidates are the responses that a judge has scored, as opposed to all responses."""
        return not _WITHOUT_JUDGE.search(self.text)

    def make(self, store: Store, values: Mapping[str, Any], at_once: int = _AT_ONCE) -> None:
        """Fill the temporary table `made` (prompt, chosen, rejected, lead) from `candidates` and the other views.

        A strategy that is `by_prompt` gets the candidates in parts of about `at_once` responses.
        """
        values = {**values, **self.options}
        if self.choose:
            python_strategy.run(store, self.choose, self.text, values)
        elif self.file:
            run(store, self.text, self.file, values)
        elif self.by_prompt:
            self._make_in_parts(store, values, at_once)
        else:
            store.run(f"CREATE OR REPLACE TEMP TABLE made AS {self.text}", **values)

    def _make_in_parts(self, store: Store, values: Mapping[str, Any], at_once: int) -> None:
        (size,) = store.rows("SELECT count(*) AS answers, coalesce(max(prompt), 0) + 1 AS prompts FROM answers")
        parts = -(-size["answers"] // at_once) or 1
        step = -(-size["prompts"] // parts)
        head = "CREATE OR REPLACE TEMP TABLE made AS"
        for first in range(0, size["prompts"], step):
            store.run(
                "CREATE OR REPLACE TEMP VIEW candidates AS "
                f"FROM all_candidates WHERE prompt >= {first} AND prompt < {first + step}"
            )
            store.run(f"{head} {self.text}", **values)
            head = "INSERT INTO made"
        store.run("CREATE OR REPLACE TEMP VIEW candidates AS FROM all_candidates")


def load(config: Config, settings: Pair) -> Strategy:
    """Return the strategy of the `pair` section with its options. Raises InputError if it is unknown or an option wrong."""
    place = ("pair", "strategy")
    if functions.is_reference(settings.strategy):
        found = functions.get("strategy", settings.strategy, config.file.where(place))
        return Strategy(f"{settings.strategy} {found.version}", _options(config, settings, ""), choose=found.function)
    if settings.strategy.endswith(".sql"):
        file = config.find(settings.strategy, place)
        text = file.read_text(encoding="utf-8").strip().rstrip(";")
        return Strategy(text, _options(config, settings, text), file)
    if settings.strategy not in STRATEGIES:
        raise InputError(
            f"no strategy is called {settings.strategy!r}",
            where=config.file.where(place),
            fix=did_you_mean(settings.strategy, STRATEGIES),
        )
    text = sql(f"pairs/strategies/{settings.strategy}")
    return Strategy(text, _options(config, settings, text), by_prompt=settings.strategy in BY_PROMPT)


def _options(config: Config, settings: Pair, text: str) -> dict[str, Any]:
    """Return the options that the file declares, with the given values or their defaults."""
    declared = {name: parse_value(default, name) if default else None for name, default in _OPTION.findall(text)}
    for name, value in settings.options.items():
        where = config.file.where(("pair", "options", name))
        if name not in declared:
            fix = did_you_mean(name, list(declared)) if declared else "It has none."
            raise InputError(f"{settings.strategy} has no option {name!r}", where=where, fix=fix)
        wanted = str if declared[name] is None or isinstance(declared[name], str) else (int, float)
        if not isinstance(value, wanted):
            raise InputError(f"option {name!r} must be {'text' if wanted is str else 'a number'}", where=where)
    missing = [name for name, default in declared.items() if default is None and name not in settings.options]
    if missing:
        raise InputError(
            f"{settings.strategy} needs the option {missing[0]!r}",
            where=config.file.where(("pair", "strategy")),
            fix=f"Give it: pair: {{strategy: {settings.strategy}, options: {{{missing[0]}: …}}}}.",
        )
    return {**declared, **settings.options}

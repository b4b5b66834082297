"""The plan of a run: generators, judges, pair rule and evaluation tasks of a pipeline file, loaded once and immutable.

`resolve` makes it. Every stage that uses one of these gets the plan first and then the run context.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from rlaif.config import Config, Mix, Pair
from rlaif.config.yaml import Place, did_you_mean
from rlaif.context.run import HeldOut
from rlaif.core.errors import InputError
from rlaif.data.sources.importer import IMPORTED
from rlaif.judging.judge import Judge
from rlaif.pairs import build
from rlaif.pairs.rule import PairRule
from rlaif.pairs.weights import PairJudge
from rlaif.pipeline import rounds
from rlaif.pipeline.generator import Generator
from rlaif.store.store import Store


@dataclass(frozen=True)
class Plan:
    """Everything that a pipeline file names, loaded. A part whose file is missing or invalid is absent.

    `problems` holds the error of each absent part by its place in the file. Looking the part up raises that error, so a
    command fails only if it uses the part.
    """

    config: Config
    pool: tuple[Generator, ...]
    """The generators of the `generate` section: none, one or several. Read them as `generators`."""
    loaded_policy: Generator | None
    """The generator that is trained and evaluated. Read it as `policy`."""
    judges: Mapping[str, Judge]
    """All judges of the file by name."""
    judge_stage: tuple[str, ...]
    """The names of the judges that score all responses, in the order of the cascade if there is one."""
    evaluators: tuple[str, ...]
    """The names of the judges of the evaluation."""
    held_out: HeldOut
    """The prompts that are evaluated, and the number of responses to each."""
    pair_rule: PairRule | None
    tasks: Mapping[str, "Plan"]
    """The plans of the evaluation tasks by name."""
    problems: Mapping[Place, Exception]

    @property
    def generators(self) -> tuple[Generator, ...]:
        """The generators that sample responses; none without a `generate` section. Raises InputError if one is wrong."""
        self._check(("generate",))
        return self.pool

    @property
    def policy(self) -> Generator:
        """The generator that is trained and evaluated. Raises InputError if there is none, or if the file names none."""
        self._check(("policy",))
        assert self.loaded_policy
        return self.loaded_policy

    def generator_keys(self, store: Store) -> list[str]:
        """Return the keys of the generators whose responses are judged and paired: those of the file and the imported ones.

        Responses of generators that were removed from the file stay in the store, and are not paired.
        """
        return sorted(self.generator_names(store))

    @property
    def rule(self) -> PairRule:
        """The pair rule. Raises InputError if its strategy or one of its files is wrong."""
        self._check(("pair",))
        assert self.pair_rule
        return self.pair_rule

    @property
    def all_judges(self) -> list[str]:
        """The names of the judges of all stages, each once."""
        return list(dict.fromkeys([*self.judge_stage, *self.evaluators]))

    @property
    def models(self) -> list[str]:
        """The names of the models that generate and judge."""
        pipeline = self.config.pipeline
        generating = [each.model for each in pipeline.generate.pool] if pipeline.generate else []
        judging = [pipeline.judges[name].model for name in self.all_judges]
        return list(dict.fromkeys(name for name in [*generating, *judging] if name))

    @property
    def paid_models(self) -> list[str]:
        """The names of all models that may cost money: also those for embeddings (retrieval) and rewards."""
        pipeline = self.config.pipeline
        rewards = pipeline.train.rewards if pipeline.train else []
        auxiliary = [
            *(pipeline.judges[name].retrieval for name in self.all_judges),
            *(reward.model for reward in rewards),
        ]
        return list(dict.fromkeys([*self.models, *filter(None, auxiliary)]))

    @property
    def pair_judges(self) -> tuple[list[str], Mix]:
        """The names of the judges whose scores make the pairs, and how several are mixed.

        None for a strategy that needs no judge; otherwise raises InputError without any.
        """
        section, judges = self.rule.settings, list(self.judge_stage)
        if not self.rule.strategy.needs_judge:
            return [], section.mix
        if section.judge:
            return ([section.judge] if isinstance(section.judge, str) else section.judge), section.mix
        if not judges:
            where = self.config.file.where(("pair",))
            raise InputError("no judge to pair by", where=where, fix="Name one under `pair.judge`.")
        return (judges, "cascade") if self.config.pipeline.judge.cascade else (judges[:1], section.mix)

    @property
    def training_judges(self) -> list[str]:
        """The names of the judges that training optimizes for: those that make the pairs, and those that give rewards."""
        pipeline = self.config.pipeline
        rewards = pipeline.train.rewards if pipeline.train else []
        named = [reward.judge for reward in rewards if reward.judge]
        pairs = pipeline.pair and (not rewards or any(reward.fit is not None for reward in rewards))
        return list(dict.fromkeys([*named, *(self.pair_judges[0] if pairs else [])]))

    def judge(self, name: str) -> Judge:
        """Return the judge of that name in the pipeline file. Raises InputError if there is none, or if it is invalid."""
        known = self.config.pipeline.judges
        if name not in known:
            where = self.config.file.where(("judges",))
            raise InputError(f"no judge is called {name!r}", where=where, fix=did_you_mean(name, known))
        self._check(("judges", name))
        return self.judges[name]

    def judge_before(self, name: str) -> str | None:
        """Return the judge before this one in a cascade; None for the first, or without a cascade."""
        place = self.judge_stage.index(name) if self.config.pipeline.judge.cascade and name in self.judge_stage else 0
        return self.judge_stage[place - 1] if place else None

    def known_judge_keys(self) -> dict[str, str]:
        """Return the keys of the judges by name, without those whose files or models are missing."""
        found = {}
        for name, judge in self.judges.items():
            with suppress(InputError):
                found[name] = judge.key
        return found

    def judge_key(self, store: Store, name: str) -> str:
        """Return the key of a judge of the file, or of one that came with the data. Raises InputError if it is unknown."""
        if name in self.config.pipeline.judges:
            return self.judge(name).key
        known = {row["name"]: row["key"] for row in store.query("SELECT name, key FROM judges ORDER BY rowid")}
        if name not in known:
            where = self.config.file.where(_place_of(self.config, name))
            if name.startswith("human:"):
                fix = f"Vote first: `{self.config.command('label', '--by', name.removeprefix('human:'))}`."
                raise InputError(f"there are no votes by {name} yet", where=where, fix=fix)
            names = dict.fromkeys([*known, *self.config.pipeline.judges])
            raise InputError(f"no judge is called {name!r}", where=where, fix=did_you_mean(name, names))
        return str(known[name])

    def pair_judge(self, store: Store, name: str) -> PairJudge:
        """Return a judge, of the file or of the data, with its criteria for making pairs."""
        key = self.judge_key(store, name)
        own = self.judge(name).weighted if name in self.config.pipeline.judges else []
        return PairJudge(key, own or store.query("pairs/sql/criteria", judge=key), name)

    def panel(self, store: Store) -> tuple[list[PairJudge], list[str], Mix]:
        """Return the judges that make the pairs, the keys of the `pair.agree` judges, and how several are mixed."""
        named, mix = self.pair_judges
        agree = [self.judge_key(store, other) for other in self.rule.settings.agree]
        return [self.pair_judge(store, name) for name in named], agree, mix

    def generator_names(self, store: Store) -> dict[str, str]:
        """Return the names of the generators whose responses are judged and paired, by key (see `generator_keys`)."""
        rows = store.query("SELECT DISTINCT key, name FROM generators WHERE spec = $imported", imported=IMPORTED)
        imported = {row["key"]: row["name"] for row in rows}
        return imported | {each.key: each.name for each in self.generators}

    def described_pairing(self, store: Store) -> str | None:
        """Return the key of the pairing that the file describes, made or not; with rounds, that of the last round.

        None if no round has made one yet. Raises InputError if a judge or a file that the pipeline names is missing.
        """
        if self.config.pipeline.rounds:
            made = store.query(
                "SELECT pairing FROM rounds WHERE chain = $chain ORDER BY number DESC LIMIT 1",
                chain=rounds.chain(self.config.pipeline),
            )
            return str(made[0]["pairing"]) if made else None
        members, agree, mix = self.panel(store)
        keys, names = self.generator_keys(store), self.generator_names(store)
        return build.key_of(build.specify(self.rule, store, members, keys, agree, mix, names))

    def task(self, name: str) -> "Plan":
        """Return the plan of an evaluation task. Raises InputError if one of its files is missing."""
        self._check(("evaluate", "tasks", name))
        return self.tasks[name]

    def _check(self, place: Place) -> None:
        if place in self.problems:
            raise self.problems[place]


def _place_of(config: Config, name: str) -> Place:
    """Return the place in the pipeline file that names this judge; empty if only the command line does."""
    section, gate = config.pipeline.pair or Pair(), config.pipeline.gate
    several = {"judge": section.judge if isinstance(section.judge, list) else [], "agree": section.agree}
    named: list[tuple[Place, object]] = [
        (("pair", part, place), each) for part, names in several.items() for place, each in enumerate(names)
    ]
    named += [(("pair", "judge"), section.judge), (("gate", "gold"), gate.gold if gate else None)]
    return next((place for place, each in named if each == name), ())

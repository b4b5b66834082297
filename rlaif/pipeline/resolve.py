"""Resolve the names of a pipeline file: its generators, its judges, those that make the pairs, and the gold standard."""

from collections.abc import Sequence
from contextlib import suppress
from operator import itemgetter

from rlaif.config import Config, Mix, ModelConfig, Pair, TransformersModel, VllmModel
from rlaif.config.yaml import Place, did_you_mean
from rlaif.context.run import Context, HeldOut
from rlaif.core.errors import InputError
from rlaif.core.types import key
from rlaif.evaluation.audit import Audited
from rlaif.judging.judge import Judge, judge
from rlaif.models.local.checkpoint import locate
from rlaif.pairs import build as pairing
from rlaif.pairs.weights import PairJudge
from rlaif.pipeline import rounds
from rlaif.pipeline.generator import Generator, generator
from rlaif.pipeline.online_rewards import OnlineRewards
from rlaif.pipeline.stages import train as training
from rlaif.store.store import Row
from rlaif.training.job import Training


def models_asked(config: Config) -> list[str]:
    """Return the names of the models that generate and judge."""
    writers = [config.pipeline.generate.model] if config.pipeline.generate else []
    judges = [config.pipeline.judges[name].model for name in config.judges + evaluators(config)]
    return list(dict.fromkeys(name for name in [*writers, *judges] if name))


def models_paid(config: Config) -> list[str]:
    """Return the names of all models that may cost money: also those for embeddings (retrieval) and rewards."""
    judges = [config.pipeline.judges[name] for name in config.judges + evaluators(config)]
    rewards = config.pipeline.train.rewards if config.pipeline.train else []
    beside = [*(judge.retrieval for judge in judges), *(reward.model for reward in rewards)]
    return list(dict.fromkeys([*models_asked(config), *filter(None, beside)]))


def pair_judges(config: Config) -> tuple[list[str], Mix]:
    """Return the names of the judges whose scores make the pairs, and how several are mixed.

    Raises InputError if the file names none.
    """
    section, judges = pairing.check(config), config.judges
    if section.judge:
        return ([section.judge] if isinstance(section.judge, str) else section.judge), section.mix
    if not judges:
        raise InputError("no judge to pair by", where=config.file.where(("pair",)), fix="Name one under `pair.judge`.")
    return (judges, "cascade") if config.pipeline.judge.cascade else (judges[:1], section.mix)


def panel(context: Context) -> tuple[list[PairJudge], list[str], Mix]:
    """Return the judges whose scores make the pairs, the keys of the `pair.agree` judges, and how several are mixed."""
    named, mix = pair_judges(context.config)
    agree = [judge_key(context, other) for other in pairing.check(context.config).agree]
    return [member(context, name) for name in named], agree, mix


def described_pairing(context: Context) -> str | None:
    """Return the key of the pairing that the pipeline file describes, made or not; with rounds, that of the last round.

    None if no round has made one yet. Raises InputError if a judge or a file that the pipeline names is missing.
    """
    if context.config.pipeline.rounds:
        made = context.store.query("pipeline/sql/rounds/newest_pairing", chain=rounds.chain(context.config.pipeline))
        return str(made[0]["pairing"]) if made else None
    members, agree, mix = panel(context)
    return pairing.key_of(pairing.specify(context, members, generators(context.config), agree, mix))


def member(context: Context, name: str) -> PairJudge:
    """Return a judge with its criteria, for making pairs."""
    judge = judge_key(context, name)
    criteria = criteria_of(context.config, name) or context.store.query("pairs/sql/criteria", judge=judge)
    return PairJudge(judge, criteria, name)


def before(config: Config, name: str) -> str | None:
    """Return the judge before this one in a cascade; None for the first, or without a cascade."""
    place = config.judges.index(name) if config.pipeline.judge.cascade and name in config.judges else 0
    return config.judges[place - 1] if place else None


def evaluators(config: Config) -> list[str]:
    """Return the names of the judges of the evaluation."""
    section = config.pipeline.evaluate
    return (section.judges if section else []) or config.judges


def all_judges(config: Config) -> list[str]:
    """Return the names of the judges of all stages, each once."""
    return list(dict.fromkeys([*config.judges, *evaluators(config)]))


def named_judge(config: Config, name: str) -> Judge:
    """Return the judge of that name in the pipeline file. Raises InputError if there is none."""
    if name not in config.pipeline.judges:
        known = config.pipeline.judges
        raise InputError(f"no judge is called {name!r}", where=config.file.where(("judges",)), fix=did_you_mean(name, known))
    return judge(config, name)


def current_judge_keys(config: Config) -> dict[str, str]:
    """Return the keys of the judges of the pipeline file, by name, without those whose files are missing."""
    found = {}
    for name in config.pipeline.judges:
        with suppress(InputError):
            found[name] = named_judge(config, name).key
    return found


def judge_key(context: Context, name: str) -> str:
    """Return the key of a judge of the pipeline file, or of one that came with the data. Raises InputError if unknown."""
    if name in context.config.pipeline.judges:
        return named_judge(context.config, name).key
    known = {row["name"]: row["key"] for row in context.store.query("pipeline/sql/judge/names")}
    if name not in known and name.startswith("human:"):
        fix = f"Vote first: `{context.config.command('label', '--by', name.removeprefix('human:'))}`."
        where = context.config.file.where(_place_of(context.config, name))
        raise InputError(f"there are no votes by {name} yet", where=where, fix=fix)
    if name not in known:
        names = dict.fromkeys([*known, *context.config.pipeline.judges])
        where = context.config.file.where(_place_of(context.config, name))
        raise InputError(f"no judge is called {name!r}", where=where, fix=did_you_mean(name, names))
    return str(known[name])


def _place_of(config: Config, name: str) -> Place:
    """Return the place in the pipeline file that names this judge; empty if only the command line does."""
    section, gate = config.pipeline.pair or Pair(), config.pipeline.gate
    several = {"judge": section.judge if isinstance(section.judge, list) else [], "agree": section.agree}
    named: list[tuple[Place, object]] = [
        (("pair", part, place), each) for part, names in several.items() for place, each in enumerate(names)
    ]
    named += [(("pair", "judge"), section.judge), (("gate", "gold"), gate.gold if gate else None)]
    return next((place for place, each in named if each == name), ())


def audited(context: Context, name: str) -> Audited:
    """Return a judge for an audit, with its criteria weighted as for pairs."""
    judge = judge_key(context, name)
    scored = {row["key"] for row in context.store.query("pairs/sql/criteria", judge=judge)}
    criteria = criteria_of(context.config, name) or context.store.query("pairs/sql/criteria", judge=judge)
    section = context.config.pipeline.pair
    weights = {row["name"]: row["weight"] for row in criteria} | (section.weights if section else {})
    # A criterion of kind `compare` has no scores.
    compares = bool(context.store.query("pairs/sql/compared", judge=judge))
    kept = [row for row in criteria if not compares or row["key"] in scored]
    return Audited(name, judge, {row["name"]: (row["key"], weights[row["name"]]) for row in kept})


def gold(context: Context, name: str | None = None, audited: Sequence[str] = ()) -> str | None:
    """Return the name of the gold standard, or None.

    It is the judge `name`, otherwise the one that `gate` names, otherwise the first person or imported judge that is not
    `audited` itself, otherwise the evaluation's first judge without a model.
    """
    pipeline = context.config.pipeline
    named = name or (pipeline.gate.gold if pipeline.gate else None)
    if named is not None:
        return named
    people = [row["name"] for row in context.store.query("evaluation/audit/sql/people") if row["name"] not in audited]
    if people and (pipeline.judges or audited or len(people) > 1):
        return str(people[0])
    programs = [each for each in evaluators(context.config) if pipeline.judges[each].model is None and each not in audited]
    return programs[0] if programs and len({*evaluators(context.config), *context.config.judges}) > 1 else None


def generators(config: Config) -> list[str]:
    """Return the keys of the generators whose responses are judged and paired: the pipeline's and imported ones."""
    return sorted(_writers(config))


def generator_names(context: Context) -> list[str]:
    """Return the names of these generators, as in the store."""
    known = context.store.query("pipeline/sql/config_diff/known")
    stored = {row["key"]: row["name"] for row in sorted(known, key=itemgetter("name")) if row["what"] == "generator"}
    return [stored.get(writer, name) for writer, name in _writers(context.config).items()]


def _writers(config: Config) -> dict[str, str]:
    sources = config.pipeline.collect.sources
    imported = {key("imported", source.generator): source.generator for source in sources if source.has_responses}
    sampled = [generator(config)] if config.pipeline.generate else []
    return imported | {each.key: each.name for each in sampled}


def criteria_of(config: Config, name: str) -> list[Row] | None:
    """Return the criteria of a judge of the pipeline file with their weights; None for one that came with the data."""
    if name not in config.pipeline.judges:
        return None
    return [
        {
            "key": criterion.key,
            "name": criterion.name,
            "weight": criterion.weight,
            "low": criterion.range[0],
            "high": criterion.range[1],
            "floor": criterion.floor,
            "kind": criterion.kind,
        }
        for criterion in named_judge(config, name).rubric.criteria
    ]


def held_out(config: Config) -> HeldOut:
    """Return which prompts are evaluated, and how many responses to each."""
    section, share = config.pipeline.evaluate, config.pipeline.collect.held_out
    return HeldOut(share, section.limit, section.samples) if section else HeldOut(share)


def base_generator(config: Config) -> Generator:
    """Return the generator with the untrained base model; the pipeline's generator if nothing is trained."""
    if config.pipeline.train is None:
        return generator(config)
    name, model = training.base_model(config)
    return generator(config, model, name)


def trained_generator(context: Context) -> Generator | None:
    """Return the generator with the trained model instead of its base; None until it is trained, or for a reward model.

    If the pipeline has rounds, it is the model of the last round that gained.
    """
    section = context.config.pipeline.train
    if section and section.method == "reward":
        return None
    if context.config.pipeline.rounds:
        path = rounds.last_path(context)
    else:
        found = _finished_training(context)
        path = found.path if found else None
    if path is None or context.config.pipeline.generate is None:
        return None
    name, base = training.base_model(context.config)
    model = base.model_copy(update={"path": str(path), "revision": None})
    return generator(context.config, model, f"{name}, trained")


def _finished_training(context: Context) -> Training | None:
    """Return the finished training on the pairs that the file describes, otherwise that on the newest pairs, or None."""
    section = context.config.pipeline.train
    pairings: list[str | None] = [None]
    if section and section.needs_pairs:
        with suppress(InputError):
            pairings.insert(0, described_pairing(context))
    trainer = online_rewards(context)
    return next((found for each in pairings if (found := training.find(context, each, online_rewards=trainer))), None)


def online_rewards(context: Context, *, allow_code: bool = False) -> OnlineRewards | None:
    """Return the prompts and rewards of a training that samples responses; None if the training has no rewards."""
    section = context.config.pipeline.train
    return OnlineRewards(context, section, allow_code=allow_code) if section and section.rewards else None


def contenders(config: Config) -> list[Generator]:
    """Return a generator for each model that `evaluate.models` names."""
    section, known = config.pipeline.evaluate, config.pipeline.models
    base = base_generator(config).model if section and section.models else None
    return [
        generator(config, known.get(name) or _checkpoint(config, base, name, place), name)
        for place, name in enumerate(section.models if section else [])
    ]


def _checkpoint(config: Config, base: ModelConfig | None, name: str, place: int) -> ModelConfig:
    """Return the base model with another checkpoint's weights. Raises InputError for an unknown model or checkpoint."""
    where = config.file.where(("evaluate", "models", place))
    if not isinstance(base, TransformersModel | VllmModel):
        fix = did_you_mean(name, config.pipeline.models)
        raise InputError(f"no model is called {name!r}", where=where, fix=fix)
    locate(name, where=where)
    return base.model_copy(update={"path": name, "revision": None})


def training_judges(config: Config) -> list[str]:
    """Return the names of the judges that training optimizes for: those that make the pairs, and those that give rewards."""
    rewards = config.pipeline.train.rewards if config.pipeline.train else []
    named = [reward.judge for reward in rewards if reward.judge]
    pairs = config.pipeline.pair and (not rewards or any(reward.fit is not None for reward in rewards))
    return list(dict.fromkeys([*named, *(pair_judges(config)[0] if pairs else [])]))

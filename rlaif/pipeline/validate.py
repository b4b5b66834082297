"""Checks before a run spends anything: a mistake that is reported late costs money."""

from rlaif.config import Config, Train
from rlaif.context.budget import rate
from rlaif.context.run import Context
from rlaif.core.errors import InputError
from rlaif.judging.judge import Judge
from rlaif.pairs import build as pairing
from rlaif.pairs import filters
from rlaif.pairs.coverage import coverage
from rlaif.pairs.validation import check_votes
from rlaif.pipeline import cascade
from rlaif.pipeline.plan import Plan
from rlaif.pipeline.stages import evaluate as evaluating
from rlaif.pipeline.stages import train as training
from rlaif.store.store import Store
from rlaif.training import methods


def check(plan: Plan) -> None:
    """Check everything that the pipeline names, to report mistakes before anything is spent. Raises InputError."""
    config, _ = plan.config, plan.generators
    for name in plan.all_judges:
        _ = plan.judge(name).key
    cascade.check(plan)
    check_judges(plan)
    _check_target(plan)
    filters.check_tokenizer(config.file, plan.rule.settings.filters)
    if config.pipeline.train:
        methods.check(config.pipeline.train, config.file)
        _check_pairs_to_train_on(config, config.pipeline.train)
        training.base_model(config)
        training.check_template(config, plan.generators)
    evaluating.check(plan)
    for name in plan.paid_models:
        rate(config, config.pipeline.models[name])


def _check_pairs_to_train_on(config: Config, section: Train) -> None:
    if section.needs_pairs and config.pipeline.pair is None:
        raise InputError(
            f"{section.method} trains on pairs, and no `pair` section makes any",
            where=config.file.where(("train",)),
            fix="Add a `pair` section, or run `rlaif train` alone, which trains on existing pairs.",
        )


def _check_target(plan: Plan) -> None:
    config = plan.config
    where = config.file.where(("pair", "target"))
    if plan.rule.settings.target is None:
        return
    if config.pipeline.generate is None:
        raise InputError("a target needs a `generate` section, to sample more responses", where=where)
    if not set(plan.pair_judges[0]) <= set(plan.judge_stage):
        raise InputError("a target needs a judge that scores new samples", where=where, fix="Name it under `judge.by`.")


def check_judges(plan: Plan) -> None:
    """Check that `judge` and `pair` agree. Raises InputError if not: only a part of the responses could be paired."""
    config, section = plan.config, plan.config.pipeline.judge
    for place, name in enumerate(section.by):
        if name in section.by[:place]:
            where = config.file.where(("judge", "by", place))
            raise InputError(f"judge {name!r} is named twice", where=where, fix="Leave one out.")
    if section.cascade:
        _check_cascade(config)
    if plan.rule.settings.strategy == "votes":
        named = plan.pair_judges[0]
        rubrics = {name: plan.judge(name).rubric for name in named if name in config.pipeline.judges}
        check_votes(plan.rule, named, rubrics)


def _check_cascade(config: Config) -> None:
    """Check `pair` against the cascade. Only its first judge, or all together, score all responses and can make pairs.

    Raises InputError.
    """
    pair, judges = config.pipeline.pair, config.judges
    if len(judges) < 2:
        raise InputError(
            f"a cascade needs two judges or more, and this one has {len(judges)}",
            where=config.file.where(("judge", "cascade")),
            fix="Name the judges under `judge.by`, or remove `cascade`.",
        )
    listed = ", ".join(judges)
    if pair is None:
        return
    if pair.judge is not None and pair.judge != judges[0] and set(_listed(pair.judge)) & set(judges):
        raise InputError(
            f"{' and '.join(_listed(pair.judge))} cannot make the pairs in a cascade of {listed}: after {judges[0]}, each "
            "judge scores only prompts that the one before escalated",
            where=config.file.where(("pair", "judge")),
            fix="Remove `pair.judge`, and the whole cascade makes the pairs; or remove `judge.cascade`, and every judge "
            f"scores all responses. Alone, {judges[0]} can make pairs too: `pair: {{judge: {judges[0]}}}`.",
        )
    if pair.judge is None and "mix" in pair.model_fields_set:
        raise InputError(
            "judges in a cascade are not mixed: the last one that a prompt was escalated to decides",
            where=config.file.where(("pair", "mix")),
            fix="Remove `pair.mix`, or remove `judge.cascade`.",
        )
    for place, name in enumerate(pair.agree):
        if name in judges[1:] or (pair.judge is None and name in judges):
            raise InputError(
                f"judge {name!r} is part of the cascade and cannot be in `pair.agree`: it scores only escalated prompts",
                where=config.file.where(("pair", "agree", place)),
                fix="Remove it here, or remove `judge.cascade`.",
            )


def _listed(judge: str | list[str]) -> list[str]:
    return [judge] if isinstance(judge, str) else judge


def check_scored(plan: Plan, context: Context) -> None:
    """Check that judges that `pair` names have scores, or get them in this run. Raises InputError otherwise."""
    config, section = plan.config, plan.config.pipeline.pair
    if section is None or config.pipeline.rounds:
        return
    for name in [*plan.pair_judges[0], *section.agree]:
        if name in config.judges or name not in config.pipeline.judges:
            continue
        members = [plan.pair_judge(context.store, name)]
        if not coverage(context.store, members, plan.generator_keys(context.store), every=False).judged:
            raise InputError(
                f"`pair` needs the scores of judge {name!r}, which has none, and `judge.by` does not name it",
                where=config.file.where(("judge", "by")),
                fix=f"Write `judge: {{by: [{', '.join([*config.judges, name])}]}}`, or run "
                f"`{config.command('judge', '--judge', name)}` first.",
            )


def check_pairs(plan: Plan, context: Context) -> None:
    """Check that the judges, criteria and generators that `pair` names exist, once prompts are collected.

    People may vote later, so they are not checked. Raises InputError.
    """
    section, store = plan.config.pipeline.pair, context.store
    if section is None:
        return
    check_judges(plan)
    check_apart(plan)
    named = [name for name in plan.pair_judges[0] if not name.startswith("human:")]
    for name in section.agree:
        plan.judge_key(store, name)
    _check_gold(plan, store)
    if named or not plan.rule.strategy.needs_judge:
        members = [plan.pair_judge(store, name) for name in named]
        pairing.check_names(plan.rule, store, members, list(plan.generator_names(store).values()))
    check_scored(plan, context)


def check_apart(plan: Plan) -> None:
    """Check that no judge counts twice under two names, among those that make the pairs and `pair.agree`.

    Judges that make the pairs may share a model and its settings if their criteria differ. Raises InputError.
    """
    known: dict[str, tuple[int, Judge]] = {}
    config, paired = plan.config, plan.pair_judges[0]
    for place, name in enumerate([*paired, *plan.rule.settings.agree]):
        if name not in config.pipeline.judges:
            continue
        judge, agrees = plan.judge(name), place >= len(paired)
        first_place, first = known.setdefault(judge.key, (place, judge))
        if first_place != place and (agrees or _criteria(judge) & _criteria(first)):
            where = ("pair", "agree", place - len(paired)) if agrees else ("pair", "judge")
            both = f"{first.name!r} and {name!r} are one judge, of the same model, template and settings"
            raise InputError(
                f"{name!r} is named twice" if name == first.name else both,
                where=config.file.where(where),
                fix="Leave one out: it would count twice. For a second opinion, use another model, template or temperature; "
                "for more samples of this judge, set its `repeats`.",
            )


def _criteria(judge: Judge) -> set[str]:
    return {criterion.key for criterion in judge.rubric.criteria}


def _check_gold(plan: Plan, store: Store) -> None:
    gate = plan.config.pipeline.gate
    if gate is None or gate.gold is None:
        return
    if gate.gold in plan.pair_judges[0]:
        raise InputError(
            f"{gate.gold!r} makes the pairs, and cannot be its own gold standard",
            where=plan.config.file.where(("gate", "gold")),
            fix="Name another judge, or a person that labels.",
        )
    if not gate.gold.startswith("human:"):
        plan.judge_key(store, gate.gold)

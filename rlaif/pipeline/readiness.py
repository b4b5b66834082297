"""Check that a stage has what it needs from the stages before it. Errors name the command that makes what is missing."""

from collections.abc import Sequence
from dataclasses import replace

from rlaif.config import Mix
from rlaif.context.run import Context
from rlaif.core.errors import InputError
from rlaif.pairs.coverage import Coverage, coverage
from rlaif.pairs.weights import PairJudge
from rlaif.pipeline.evaluated_models import trained_generator
from rlaif.pipeline.plan import Plan


def need_prompts(context: Context) -> None:
    """Check that prompts have been collected. Raises InputError otherwise."""
    if not context.store.rows("SELECT 1 FROM active_prompts LIMIT 1"):
        raise InputError("no prompts have been collected", fix=f"Run `{context.config.command('collect')}` first.")


def need_responses(plan: Plan, context: Context) -> None:
    """Check that there are responses to active prompts; failed ones count. Raises InputError otherwise."""
    need_prompts(context)
    tried = """SELECT 1 FROM responses SEMI JOIN active_prompts ON active_prompts.prompt = responses.prompt
        WHERE generator IN (SELECT unnest($generators::VARCHAR[])) LIMIT 1"""
    if context.store.rows(tried, generators=plan.generator_keys(context.store)):
        return
    config = context.config
    if config.pipeline.generate:
        fix = f"Run `{config.command('generate')}` first."
        raise InputError("there are no responses yet by the generator of this file", fix=fix)
    raise InputError(
        "there are no responses",
        where=config.file.where(()),
        fix="Add a `generate` section, or name the columns of responses that came with the data under `columns.responses`.",
    )


def need_models(plan: Plan, context: Context) -> None:
    """Check that an evaluation has models to compare. Raises InputError otherwise."""
    config = context.config
    pipeline, where = config.pipeline, config.file.where(())
    if pipeline.evaluate is None or not (pipeline.generate or pipeline.evaluate.models):
        missing = "evaluate" if pipeline.evaluate is None else "generate"
        raise InputError(f"nothing to evaluate: the file has no `{missing}` section", where=where, fix="Add one.")
    need_prompts(context)
    if pipeline.evaluate.models or (pipeline.train and trained_generator(plan, context)):
        return
    if pipeline.train is None:
        fix = "Add a `train` section, or name models under `evaluate.models`."
        raise InputError("there is nothing to compare with the base", where=config.file.where(("evaluate",)), fix=fix)
    if pipeline.train.method == "reward":
        raise InputError(
            "a reward model writes no responses, so there is nothing to compare with the base",
            where=config.file.where(("evaluate",)),
            fix="Name models under `evaluate.models`, or remove `evaluate`.",
        )
    command = config.command("run" if pipeline.rounds else "train")
    raise InputError("no model has been trained yet", fix=f"Run `{command}` first.")


def need_scores(plan: Plan, context: Context, members: Sequence[PairJudge], mix: Mix) -> None:
    """Check that the judges that make the pairs, and those of `pair.agree`, have judged some of the responses.

    Notes judges that have judged only a part of them: the other responses are counted as "not judged". Raises InputError.
    """
    need_responses(plan, context)
    store, generators, settings = context.store, plan.generator_keys(context.store), plan.rule.settings
    members = [
        replace(each, criteria=[row | {"weight": settings.weights.get(row["name"], row["weight"])} for row in each.criteria])
        for each in members
    ]
    for each in members:
        earlier = plan.judge_before(each.name) if mix == "cascade" else None
        after = plan.judge_key(store, earlier) if earlier else None
        _check(context, each.name, coverage(store, [each], generators, after=after), after is not None)
    for name in settings.agree:
        _check(context, name, coverage(store, [plan.pair_judge(store, name)], generators, every=False))
    if mix != "cascade" and len(members) > 1:
        together = coverage(store, members, generators)
        if together.missing:
            names = ", ".join(each.name for each in members)
            commands = " and ".join(
                f"`{context.config.command('judge', '--judge', each.name)}`"
                for each in members
                if each.name in context.config.pipeline.judges
            )
            raise InputError(
                f"no response has been scored by all of {names}, so they cannot be mixed",
                where=context.config.file.where(("pair", "judge")),
                fix=f"Run {commands} first.",
            )


def _check(context: Context, name: str, found: Coverage, left: bool = False) -> None:
    config, ours = context.config, name in context.config.pipeline.judges
    which = "responses that the judge before it left open" if left else "responses"
    command = f"`{config.command('judge', '--judge', name)}`"
    if found.missing:
        none = f"judge {name} has scored 0 of {found.responses:,} {which}"
        if ours:
            raise InputError(f"{none} with the present rubric", fix=f"Run {command} first.")
        raise InputError(none, fix="Its scores came with the data or from people, for other responses than these.")
    if found.partial and ours:
        context.progress.note(
            f"Judge {name} has scored {found.judged:,} of {found.responses:,} {which}; the others make no pairs yet. "
            f"{command} scores them."
        )

"""Pair: checks the judges, makes pairs up to the target, and exports them."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rlaif.config import Mix, short
from rlaif.context.run import Context
from rlaif.core.errors import InputError
from rlaif.evaluation.audit import measure
from rlaif.pairs import build as pairing
from rlaif.pairs.pairing import Pairing
from rlaif.pairs.weights import PairJudge
from rlaif.pipeline import cascade, versions
from rlaif.pipeline.generate_and_judge import generate_and_judge
from rlaif.pipeline.gold import audited, gold, judge_figures
from rlaif.pipeline.plan import Plan
from rlaif.pipeline.readiness import need_responses, need_scores
from rlaif.pipeline.stages import generate as generating
from rlaif.pipeline.validate import check_apart, check_judges
from rlaif.store.store import Store

if TYPE_CHECKING:
    from rlaif.data.export.writers import Exported

# The judges, by name, and the strategy of a pairing.
_JUDGES_AND_STRATEGY: Final = "SELECT judge, strategy FROM pairings_readable WHERE pairing = $pairing"

# All generators, judges and criteria that were used in this store.
_KNOWN: Final = """
    SELECT 'generator' AS what, key FROM generators
    UNION SELECT 'judge', key FROM judges
    UNION SELECT 'criterion', key FROM criteria
"""


def pair(plan: Plan, context: Context) -> Pairing:
    """Make pairs by the scores of `pair.judge`, in the store and as files, if the judge passes the gate."""
    made = make_pairs(plan, context, gate=True)
    _export_made(plan, context, made)
    return made


def top_up(plan: Plan, context: Context, made: Pairing, *, allow_code: bool = False) -> Pairing:
    """Sample more responses for prompts without a pair until there are `pair.target` pairs or no prompt may get more."""
    settings = plan.rule.settings
    if settings.target is None or made.pairs >= settings.target:
        return made
    while made.pairs < settings.target:
        missing = settings.target - made.pairs
        prompts = generating.top_up(plan, context.store, made.key, missing, settings.max_samples)
        if not prompts:
            break
        context.progress.note(f"{missing:,} pairs are missing: more samples for {prompts:,} prompts without one")
        generate_and_judge(plan, context, allow_code=allow_code)
        made = make_pairs(plan, context)
    _export_made(plan, context, made)
    return made


def _export_made(plan: Plan, context: Context, made: Pairing) -> None:
    """Export the pairs of this run. Its card names no language, because identifying it takes longer than small exports."""
    export(plan, context, plan.config.out / "pairs", ("jsonl", "parquet"), pairing=made.key, language=False)


def make_pairs(plan: Plan, context: Context, *, gate: bool = False) -> Pairing:
    """Make the same pairs in the store only. With `gate`, the judges must pass the gate first.

    Raises InputError if a judge has scored none of the responses: "0 pairs" would look like a result.
    """
    return _run(plan, context, *_ready(plan, context, gate))


def _run(plan: Plan, context: Context, members: list[PairJudge], agree: list[str], mix: Mix) -> Pairing:
    names = plan.generator_names(context.store)
    check = None if _checked_first(plan, members) else partial(need_scores, plan, context, members, mix)
    return pairing.run(plan.rule, context, members, sorted(names), agree=agree, mix=mix, names=names, on_unscored=check)


def _ready(plan: Plan, context: Context, gate: bool) -> tuple[list[PairJudge], list[str], Mix]:
    """Return the judges of the pairs, after checking that they fit together."""
    check_judges(plan)
    check_apart(plan)
    need_responses(plan, context)
    members, agree, mix = plan.panel(context.store)
    pairing.check_names(plan.rule, context.store, members, list(plan.generator_names(context.store).values()))
    for each in members[1:] if mix == "cascade" else ():
        cascade.escalate_to(plan, context, each.name)
    if _checked_first(plan, members):
        need_scores(plan, context, members, mix)
    for each in members if gate else ():
        _pass_gate(plan, context, each.name)
    _use(plan, context.store)
    return members, agree, mix


def _checked_first(plan: Plan, members: Sequence[PairJudge]) -> bool:
    """Return whether the scores are counted before pairing. For one judge, pairing itself finds whether any are missing."""
    return len(members) > 1 or bool(plan.rule.settings.agree) or plan.config.pipeline.gate is not None


def _use(plan: Plan, store: Store) -> None:
    """Record that the generator and judges of this file are the current versions, if they were used in this store."""
    known = {(row["what"], row["key"]) for row in store.query(_KNOWN)}
    for generator in plan.generators:
        if ("generator", generator.key) in known:
            versions.use_generator(store, generator.key, generator.name, generator.spec, rename=True)
    for name in dict.fromkeys([*plan.pair_judges[0], *plan.rule.settings.agree]):
        if name in plan.judges:
            judge = plan.judges[name]
            criteria = [criterion.key for criterion in judge.rubric.criteria]
            if {("judge", judge.key), *(("criterion", each) for each in criteria)} <= known:
                versions.use(store, "judge", name, judge.key, criteria)


def ensure_pairing(plan: Plan, context: Context) -> str:
    """Return the key of the pairing that the pipeline file describes; make it if it is missing or out of date.

    No model is called. With rounds, it is the pairing of the last round. If the file has no `pair` section, it is the newest
    pairing, if there is any. A note reports if others were made more recently. Raises InputError.
    """
    last = context.store.query("SELECT key FROM newest_pairing")
    if plan.config.pipeline.pair is None and last:
        return newest(context)
    found = plan.described_pairing(context.store) if plan.config.pipeline.rounds else _made(plan, context)
    if found is None:
        raise InputError("no round has made pairs yet", fix=f"Run `{plan.config.command('run')}` first.")
    if last and last[0]["key"] != found:
        _note_others(context, found, last[0]["key"])
    return found


def _made(plan: Plan, context: Context) -> str:
    members, agree, mix = _ready(plan, context, gate=True)
    names = plan.generator_names(context.store)
    spec = pairing.specify(plan.rule, context.store, members, sorted(names), agree, mix, names)
    if pairing.is_up_to_date(context.store, spec):
        return pairing.key_of(spec)
    return _run(plan, context, members, agree, mix).key


def _note_others(context: Context, found: str, last: str) -> None:
    mine, other = (context.store.query(_JUDGES_AND_STRATEGY, pairing=key)[0] for key in (found, last))
    note = f"Pairs by {mine['judge']}, {mine['strategy']}, as the file describes them."
    if pairing.latest(context.store) == last:
        note += f" Others were made last, by {other['judge']}, {other['strategy']}; `--newest` takes those."
    context.progress.note(note)


def newest(context: Context) -> str:
    """Return the key of the pairing that was made last, whatever the pipeline file describes, and note its judge."""
    found = pairing.latest(context.store)
    made = context.store.query(_JUDGES_AND_STRATEGY, pairing=found)[0]
    context.progress.note(f"The newest pairs: by {made['judge']}, {made['strategy']}.")
    return found


def export(
    plan: Plan,
    context: Context,
    folder: Path,
    formats: Sequence[str],
    form: str = "preference",
    *,
    pairing: str | None = None,
    target: str | None = None,
    reasoning: bool = False,
    rationales: bool = False,
    audit: bool = False,
    language: bool = True,
    address: str = "",
) -> "Exported":
    """Export a pairing, by default the one that the file describes, as a data set with its card in `folder/FORM`.

    With `target`, the rows are in the layout of another project, in `folder/TARGET`. With `audit`, the card has figures of
    the judges from stored scores; with `language`, it names the languages of the texts. `address` is where the card loads
    the data from, by default the folder. The form `label-studio` is not a data set, but tasks for people.
    """
    from rlaif.data.export import LABEL_STUDIO
    from rlaif.data.export import export as write

    config, pairing = plan.config, pairing or ensure_pairing(plan, context)
    if form == LABEL_STUDIO and not target:
        return _export_tasks(context, folder / form, pairing)
    shown = [("--reasoning", reasoning), ("--rationales", rationales)]
    options = [word for format in formats for word in ("--format", format)] + [word for word, given in shown if given]
    kind = ["--for", target] if target else ["--form", form, *options]
    return write(
        context.store,
        pairing,
        folder,
        held_out=config.pipeline.collect.held_out,
        form=form,
        formats=formats,
        target=target,
        pipeline=config.pipeline,
        audit=judge_figures(plan, context.store) if audit else (),
        language=language,
        address=address or str(short(folder / (target or form))),
        reasoning=reasoning,
        rationales=rationales,
        command=config.command("export", str(short(folder)), *kind),
    )


def _export_tasks(context: Context, folder: Path, pairing: str) -> "Exported":
    from rlaif.data.export.writers import Exported
    from rlaif.evaluation import labeling

    tasks = labeling.tasks_of_pairs(context.store, pairing)
    labeling.label_studio.write(tasks, folder)
    return Exported(folder, {"tasks": len(tasks)}, {})


def _pass_gate(plan: Plan, context: Context, name: str) -> None:
    """Check that the judge meets the bounds of the `gate` section. Raises InputError otherwise."""
    from rlaif.evaluation.audit.gate import shortcomings

    config = plan.config
    gate = config.pipeline.gate
    if gate is None:
        return
    store, right = context.store, gold(plan, context.store, audited=[name])
    standard = audited(plan, store, right) if right else None
    missed = shortcomings(gate, measure(store, [audited(plan, store, name)], standard, plan.generator_keys(store)))
    if missed:
        raise InputError(
            f"judge {name!r} falls short, so no pairs are made: {'; '.join(missed)}",
            where=config.file.where(("gate",)),
            fix="`rlaif audit` shows all measures. Change the judge or the bounds.",
        )

"""Up to the pairs: those of a judge that passes the gate, as many as are asked for, exported."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rlaif.audit import measure
from rlaif.config import Mix
from rlaif.context import Context
from rlaif.errors import InputError
from rlaif.generator import generator
from rlaif.pairing.weigh import Member
from rlaif.roles import audited, generator_names, generators, gold, judge_key, member, pair_judges
from rlaif.rounds import chain
from rlaif.run.answers import generate_and_judge
from rlaif.run.beforehand import check_apart
from rlaif.stages import generate as generating
from rlaif.stages import pair as pairing
from rlaif.stages.pair import Pairing

if TYPE_CHECKING:
    from rlaif.export import Exported


def pair(context: Context) -> Pairing:
    """Pairs by the scores of `pair.judge`, written to the store and to files."""
    for name in pair_judges(context.config)[0]:
        _pass_gate(context, name)
    made = paired(context)
    export(context, context.config.out / "pairs", ("jsonl", "parquet"), pairing=made.key)
    return made


def top_up(context: Context, made: Pairing, *, allow_code: bool = False) -> Pairing:
    """The pairing with `pair.target` pairs, by more samples for prompts that are short of one, or as many as that gives."""
    config, settings = context.config, pairing.check(context.config)
    if settings.target is None or made.pairs >= settings.target:
        return made
    writer = generator(config)
    while made.pairs < settings.target:
        missing = settings.target - made.pairs
        asked = generating.top_up(context, writer, made.key, missing, settings.max_samples)
        if not asked:
            break
        context.progress.note(f"{missing:,} pairs are missing: more samples for {asked:,} prompts without one")
        generate_and_judge(context, allow_code=allow_code)
        made = paired(context)
    export(context, config.out / "pairs", ("jsonl", "parquet"), pairing=made.key)
    return made


def paired(context: Context) -> Pairing:
    """The same pairs in the store alone, whatever the gate says."""
    members, agree, mix = _panel(context)
    pairing.check_names(context, members, generator_names(context))
    return pairing.run(context, members, generators(context.config), agree=agree, mix=mix)


def _panel(context: Context) -> tuple[list[Member], list[str], Mix]:
    """Whose scores make the pairs, who is asked to agree (keys), and how several judges become one."""
    named, mix = pair_judges(context.config)
    check_apart(context.config, named)
    agree = [judge_key(context, other) for other in pairing.check(context.config).agree]
    return [member(context, name) for name in named], agree, mix


def newest(context: Context) -> str:
    """The pairing that was made last, and a note where it is none that this pipeline would make."""
    found = pairing.latest(context.store)
    if not _own(context, found):
        made = context.store.query("pair/told_of", pairing=found)[0]
        context.progress.note(
            f"The newest pairs are by {made['judge']}, {made['strategy']}, and not those that this pipeline now makes; "
            f"for these first: {context.config.command('pair')}"
        )
    return found


def _own(context: Context, key: str) -> bool:
    """Whether the pipeline, as it is now, makes a pairing."""
    config = context.config
    if config.pipeline.rounds:
        return bool(context.store.query(
            "FROM rounds WHERE chain = $chain AND pairing = $pairing", chain=chain(config.pipeline), pairing=key
        ))
    try:
        members, agree, mix = _panel(context)
        return key == pairing.key_of(pairing.specify(context, members, generators(config), agree, mix))
    except InputError:
        # It names a judge or a file that is not there (any more), so it makes no pairs at all.
        return False


def export(
    context: Context, folder: Path, formats: Sequence[str], form: str = "preference", *, pairing: str | None = None
) -> "Exported":
    """A pairing, the newest unless named, as a data set in `folder/FORM`, with its card."""
    from rlaif.export import export as write

    config, pairing = context.config, pairing or newest(context)
    options = [word for format in formats for word in ("--format", format)]
    return write(
        context.store, pairing, folder, held_out=config.pipeline.collect.held_out, form=form, formats=formats,
        pipeline=config.pipeline, command=config.command("export", str(folder), "--form", form, *options),
    )  # fmt: skip


def _pass_gate(context: Context, name: str) -> None:
    """Raises InputError where the judge falls short of what the pipeline file asks of it."""
    from rlaif.audit.gate import shortcomings

    config = context.config
    gate = config.pipeline.gate
    if gate is None:
        return
    right = gold(context, audited=[name])
    beside = audited(context, right) if right else None
    missed = shortcomings(gate, measure(context.store, [audited(context, name)], beside, generators(config)))
    if missed:
        raise InputError(
            f"judge {name!r} falls short, so no pairs are made: {'; '.join(missed)}",
            where=config.file.where(("gate",)), fix="`rlaif audit` measures all of it. Change the judge, or the bounds.",
        )  # fmt: skip

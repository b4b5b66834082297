"""The stages in order: each function does one verb of the command line, `everything` does them all.

Nothing here is remembered between stages but what the store holds, so any verb may be run alone, again, or after a stop.
"""

import json
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rlaif import __version__, cascade, loop, rounds
from rlaif.audit import measure
from rlaif.budget import rate
from rlaif.changes import changes
from rlaif.config import Config, Mix
from rlaif.context import EVERYTHING, Context, HeldOut, now
from rlaif.errors import InputError
from rlaif.evaluate import Agreement, Evaluation
from rlaif.evaluate import whole as evaluating
from rlaif.generator import generator
from rlaif.models import is_local
from rlaif.overlap import alone, overlapped
from rlaif.progress import Progress, Quiet
from rlaif.roles import (
    audited,
    before,
    evaluators,
    generator_names,
    generators,
    gold,
    judge_key,
    member,
    models_asked,
    models_paid,
    named_judge,
    pair_judges,
    practice,
)
from rlaif.spent import spent_in_all, spent_on_tasks
from rlaif.stages import generate as generating
from rlaif.stages import judge as judging
from rlaif.stages import pair as pairing
from rlaif.stages import train as training
from rlaif.stages.pair import Pairing
from rlaif.store import Row, Store
from rlaif.training import methods
from rlaif.training.job import Training

if TYPE_CHECKING:
    from rlaif.export import Exported


@contextmanager
def opened(config: Config, progress: Progress | None = None) -> Iterator[Context]:
    """The pipeline's store, opened for writing, with this run written down in it."""
    with Store(config.store_path) as store:
        run = f"{now():%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
        resolved = config.pipeline.model_dump_json()
        progress = progress or Quiet()
        for line in changes(config, store):
            progress.note(line)
        store.append("runs", [{"key": run, "version": __version__, "started": now(), "config": resolved}])
        yield Context(config, store, run, progress)


def check(config: Config) -> None:
    """Reads every file that the pipeline names, so that a mistake is told before anything is spent."""
    generators(config)
    for name in config.judges + evaluators(config):
        _ = named_judge(config, name).key
    cascade.check(config)
    _check_target(config)
    if config.pipeline.train:
        methods.check(config.pipeline.train, config.file)
        training.base_model(config)
    evaluating.check(config)
    for name in models_paid(config):
        rate(config, config.pipeline.models[name])


def _check_target(config: Config) -> None:
    where = config.file.where(("pair", "target"))
    if pairing.check(config).target is None:
        return
    if config.pipeline.generate is None:
        raise InputError("a target needs a `generate` section, to sample more with", where=where)
    if not set(pair_judges(config)[0]) <= set(config.judges):
        raise InputError("a target needs a judge that scores what is sampled", where=where, fix="Name it under `judge.by`.")


def check_pairs(context: Context) -> None:
    """Who and what `pair` names is there, as far as that can be told once prompts are collected: people may vote later."""
    section = context.config.pipeline.pair
    if section is None:
        return
    named = [name for name in pair_judges(context.config)[0] if not name.startswith("human:")]
    for name in section.agree:
        judge_key(context, name)
    if named:
        pairing.check_names(context, [member(context, name) for name in named], generator_names(context))


def collect(context: Context) -> None:
    """Prompts, and what comes with them, into the store."""
    from rlaif.stages import collect as collecting

    collecting.run(context)


def generate(context: Context, *, only: HeldOut = EVERYTHING) -> None:
    """Responses that the pipeline's generator owes, to all prompts or to `only` these."""
    generating.show_imported(context)
    if context.config.pipeline.generate:
        writer = generator(context.config)
        alone(context, partial(generating.run, context, generator=writer, only=only))


def judge(
    context: Context, names: Sequence[str] = (), *, only: HeldOut = EVERYTHING, allow_code: bool = False
) -> None:  # fmt: skip
    """Scores that these judges owe (all of the judge stage, where none is named) on all responses to pair."""
    writers = generators(context.config)
    for name in names or context.config.judges:
        scoring = partial(judging.run, context, judge=cascade.in_turn(context, name), generators=writers)
        alone(context, partial(scoring, only=only, allow_code=allow_code))


def generate_and_judge(context: Context, *, allow_code: bool = False) -> None:
    """Both at once where their models do not share this machine's device: a response is judged as soon as it is kept."""
    config = context.config
    asked = [config.pipeline.models[name] for name in models_asked(config)]
    if config.pipeline.generate is None or sum(map(is_local, asked)) > 1:
        generate(context)
    else:
        generating.show_imported(context)
        judges = [named_judge(config, name) for name in config.judges if before(config, name) is None]
        loop.run(overlapped(context, generator(config), judges, allow_code))
        context.budget.check()
    judge(context, allow_code=allow_code)


def pair(context: Context, judge: str | None = None) -> Pairing:
    """Pairs by the scores of `pair.judge`, unless one is named otherwise, written to the store and to files."""
    for name in [judge] if judge else pair_judges(context.config)[0]:
        _pass_gate(context, name)
    made = paired(context, judge)
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


def paired(context: Context, judge: str | None = None) -> Pairing:
    """The same pairs in the store alone, whatever the gate says."""
    config = context.config
    named: tuple[list[str], Mix] = ([judge], "mean") if judge else pair_judges(config)
    agree = [judge_key(context, other) for other in pairing.check(config).agree]
    members = [member(context, name) for name in named[0]]
    pairing.check_names(context, members, generator_names(context))
    return pairing.run(context, members, generators(config), agree=agree, mix=named[1])


def export(
    context: Context, folder: Path, formats: Sequence[str], form: str = "preference", *, pairing: str | None = None
) -> "Exported":
    """A pairing, the newest unless named, as a data set in `folder/FORM`, with its card."""
    from rlaif.export import export as write
    from rlaif.stages.pair import latest

    config = context.config
    options = [word for format in formats for word in ("--format", format)]
    command = f"{config.command('run')}\n{config.command('export', str(folder), '--form', form, *options)}"
    return write(
        context.store, pairing or latest(context.store), folder, held_out=config.pipeline.collect.held_out, form=form,
        formats=formats, pipeline=config.pipeline, command=command,
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


def train(context: Context, pairing: str | None = None, *, allow_code: bool = False) -> Training:
    """The generator's model, trained on the pairs, or on answers of its own and their rewards, with its card."""
    return _with_card(context, training.run(context, pairing, practice(context, allow_code=allow_code)))


def prepare_training(context: Context, folder: Path) -> str | None:
    """The command by which `accelerate` trains what is put into `folder`; None where it did, and the model is taken in."""
    made = training.prepare(context, folder)
    if isinstance(made, str):
        return made
    _with_card(context, made)
    return None


def _with_card(context: Context, trained: Training) -> Training:
    from rlaif.export import model_card

    model_card.write(context.store, trained, f"rlaif train {context.config.file.path.name}")
    return trained


def evaluate(context: Context, *, allow_code: bool = False) -> Evaluation:
    """The trained model and others against the base on held-out prompts; no matches where there is nothing to compare."""
    return evaluating.evaluate(context, allow_code=allow_code)


def agreements(context: Context) -> list[Agreement]:
    """How the first judge of the evaluation differs from each other one, on what both have scored."""
    from rlaif.evaluate import agreement

    keys = [named_judge(context.config, name).key for name in evaluators(context.config)]
    return [agreement(context.store, keys[0], other) for other in keys[1:]]


def report(context: Context, evaluation: Evaluation | None = None) -> Path:
    """The HTML page of all that the store holds of this pipeline."""
    from rlaif import report as page

    path = context.config.out / "report.html"
    page.write(
        context.store, context.config.pipeline, path, evaluation=evaluation, elsewhere=spent_on_tasks(context.config),
        agreements=agreements(context),
    )  # fmt: skip
    return path


def everything(context: Context, *, allow_code: bool = False) -> tuple[Pairing | None, Evaluation, Path]:
    """All stages that the pipeline file has."""
    pipeline = context.config.pipeline
    collect(context)
    check_pairs(context)
    if pipeline.rounds:
        made: Pairing | None = rounds.run(context, pipeline.rounds, partial(_turn, allow_code=allow_code))
    else:
        made = _pairs(context, allow_code)
        if made and pipeline.train:
            train(context, made.key, allow_code=allow_code)
    evaluation = evaluate(context, allow_code=allow_code)
    return made, evaluation, report(context, evaluation)


def _pairs(context: Context, allow_code: bool) -> Pairing | None:
    """All stages up to the pairs."""
    generate_and_judge(context, allow_code=allow_code)
    return top_up(context, pair(context), allow_code=allow_code) if context.config.pipeline.pair else None


def _turn(context: Context, *, allow_code: bool) -> rounds.Turn:
    """One round: up to the model, and what the held-out judge makes of it. Without a pair, nothing is trained."""
    made = _pairs(context, allow_code)
    assert made
    trained = train(context, made.key, allow_code=allow_code) if made.pairs else None
    found = evaluating.first_match(context, allow_code=allow_code) if trained else None
    return rounds.Turn(generator(context.config).key, made, trained, found)


def status(config: Config, store: Store) -> dict[str, list[Row]]:
    """What the store holds, and what each stage has done and cost so far."""
    found = {name: store.query(f"status/{name}") for name in ("holds", "work", "failures", "remarks")}
    return found | {"spent": [asdict(row) for row in spent_in_all(store, config)]}


def resolved(config: Config) -> str:
    """The whole configuration as JSON, defaults filled in."""
    return json.dumps(config.pipeline.model_dump(mode="json"), indent=2)

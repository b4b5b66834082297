"""The stages in order: each function does one verb of the command line, `everything` does them all.

Nothing here is remembered between stages but what the store holds, so any verb may be run alone, again, or after a stop.
"""

import asyncio
import json
import secrets
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlaif import __version__, loop
from rlaif.audit import Audited, measure
from rlaif.budget import rate, spent
from rlaif.config import Config, Source
from rlaif.context import EVERYTHING, Context, HeldOut, now
from rlaif.errors import InputError
from rlaif.evaluate import Agreement, Evaluation
from rlaif.models import Models, is_local
from rlaif.progress import Progress, Quiet
from rlaif.records import key
from rlaif.stages import generate as generating
from rlaif.stages import judge as judging
from rlaif.stages import pair as pairing
from rlaif.stages import train as training
from rlaif.stages.generate import Generator
from rlaif.stages.judge import Judge
from rlaif.stages.pair import Pairing
from rlaif.store import Row, Store
from rlaif.work import Handover
from rlaif.yaml_file import did_you_mean

if TYPE_CHECKING:
    from rlaif.export import Exported


@contextmanager
def opened(config: Config, progress: Progress | None = None) -> Iterator[Context]:
    """The pipeline's store, opened for writing, with this run written down in it."""
    with Store(config.store_path) as store:
        run = f"{now():%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
        resolved = config.pipeline.model_dump_json()
        store.append("runs", [{"key": run, "version": __version__, "started": now(), "config": resolved}])
        yield Context(config, store, run, progress or Quiet())


def check(config: Config) -> None:
    """Reads every file that the pipeline names, so that a mistake is told before anything is spent."""
    generators(config)
    for name in config.judges + evaluators(config):
        _ = named_judge(config, name).key
    _check_target(config)
    if config.pipeline.train:
        training.base_model(config)
    for name in models_asked(config):
        rate(config, config.pipeline.models[name])


def _check_target(config: Config) -> None:
    where = config.file.where(("pair", "target"))
    if pairing.check(config).target is None:
        return
    if config.pipeline.generate is None:
        raise InputError("a target needs a `generate` section, to sample more with", where=where)
    if pair_judge(config) not in config.judges:
        raise InputError("a target needs a judge that scores what is sampled", where=where, fix="Name it under `judge.by`.")


def models_asked(config: Config) -> list[str]:
    """Names of the models that generate and judge."""
    writers = [config.pipeline.generate.model] if config.pipeline.generate else []
    judges = [config.pipeline.judges[name].model for name in config.judges + evaluators(config)]
    return list(dict.fromkeys(name for name in [*writers, *judges] if name))


def collect(context: Context) -> None:
    """Prompts, and what comes with them, into the store."""
    from rlaif.stages import collect as collecting

    collecting.run(context)


def generate(context: Context, *, only: HeldOut = EVERYTHING) -> None:
    """Responses that the pipeline's generator owes, to all prompts or to `only` these."""
    generating.show_imported(context)
    if context.config.pipeline.generate:
        writer = generating.generator(context.config)
        _alone(context, partial(generating.run, context, generator=writer, only=only))


def judge(
    context: Context, names: Sequence[str] = (), *, only: HeldOut = EVERYTHING, allow_code: bool = False
) -> None:  # fmt: skip
    """Scores that these judges owe (all of the judge stage, where none is named) on all responses to pair."""
    writers = generators(context.config)
    for name in names or context.config.judges:
        judge = named_judge(context.config, name)
        scoring = partial(judging.run, context, judge=judge, generators=writers)
        _alone(context, partial(scoring, only=only, allow_code=allow_code))


def generate_and_judge(context: Context, *, allow_code: bool = False) -> None:
    """Both at once where their models do not share this machine's device: a response is judged as soon as it is kept."""
    config = context.config
    asked = [config.pipeline.models[name] for name in models_asked(config)]
    if config.pipeline.generate is None or sum(map(is_local, asked)) > 1:
        generate(context)
    else:
        generating.show_imported(context)
        judges = [named_judge(config, name) for name in config.judges]
        loop.run(_overlapped(context, generating.generator(config), judges, allow_code))
        context.budget.check()
    judge(context, allow_code=allow_code)


async def _overlapped(context: Context, writer: Generator, judges: Sequence[Judge], allow_code: bool) -> None:
    handovers: list[Handover[Row]] = [Handover() for _ in judges]
    writers = generators(context.config)

    def hand(texts: list[Row]) -> None:
        for handover in handovers:
            handover.put_from_thread(texts)

    async def lead(models: Models) -> None:
        try:
            await generating.run(context, models, writer, hand=hand)
        finally:
            for handover in handovers:
                await handover.close()

    async def follow(models: Models, judge: Judge, handover: "Handover[Row]") -> None:
        try:
            await judging.run(context, models, judge, writers, allow_code=allow_code, then=handover)
        finally:
            handover.abandon()

    async with Models(context.config.batches) as models:
        try:
            async with asyncio.TaskGroup() as group:
                for judge, handover in zip(judges, handovers, strict=True):
                    group.create_task(follow(models, judge, handover))
                group.create_task(lead(models))
        except BaseExceptionGroup as errors:
            # The first is the cause; the others are what it stopped.
            raise errors.exceptions[0] from None


def _alone(context: Context, work: Callable[[Models], Coroutine[Any, Any, None]]) -> None:
    """One stage by itself: its models are closed before the next one's are opened."""

    async def inside() -> None:
        async with Models(context.config.batches) as models:
            await work(models)

    loop.run(inside())
    context.budget.check()


def pair(context: Context, judge: str | None = None) -> Pairing:
    """Pairs by one judge's scores, `pair.judge` unless named otherwise, written to the store and to files."""
    _pass_gate(context, judge or pair_judge(context.config))
    made = paired(context, judge)
    export(context, context.config.out / "pairs", ("jsonl", "parquet"), pairing=made.key)
    return made


def top_up(context: Context, made: Pairing, *, allow_code: bool = False) -> Pairing:
    """The pairing with `pair.target` pairs, by more samples for prompts that are short of one, or as many as that gives."""
    config, settings = context.config, pairing.check(context.config)
    if settings.target is None or made.pairs >= settings.target:
        return made
    writer, judge = generating.generator(config), pair_judge(config)
    while made.pairs < settings.target:
        missing = settings.target - made.pairs
        asked = generating.top_up(context, writer, made.key, missing, settings.max_samples)
        if not asked:
            break
        context.progress.note(f"{missing:,} pairs are missing: more samples for {asked:,} prompts without one")
        generate_and_judge(context, allow_code=allow_code)
        made = paired(context, judge)
    export(context, config.out / "pairs", ("jsonl", "parquet"), pairing=made.key)
    return made


def paired(context: Context, judge: str | None = None) -> Pairing:
    """The same pairs in the store alone, whatever the gate says."""
    config = context.config
    name = judge or pair_judge(config)
    agree = [judge_key(context, other) for other in pairing.check(config).agree]
    return pairing.run(context, judge_key(context, name), generators(config), _criteria(config, name), agree)


def pair_judge(config: Config) -> str:
    """The name of the judge whose scores make the pairs. Raises InputError where there is none."""
    judges = config.judges
    name = pairing.check(config).judge or (judges[0] if judges else None)
    if name is None:
        raise InputError("no judge to pair by", where=config.file.where(("pair",)), fix="Name one under `pair.judge`.")
    return name


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


def train(context: Context, pairing: str | None = None) -> None:
    """The generator's model, trained on the pairs."""
    training.run(context, pairing)


def evaluate(context: Context, *, allow_code: bool = False) -> list[Evaluation]:
    """Base against trained on held-out prompts, one evaluation a judge; none where nothing was trained."""
    from rlaif.evaluate import evaluate as compare

    config = context.config
    section, trained = config.pipeline.evaluate, trained_generator(context)
    if section is None or trained is None:
        return []
    base = base_generator(config)
    held_out = HeldOut(config.pipeline.collect.held_out, section.limit)
    for each in (base, trained):
        _alone(context, partial(generating.run, context, generator=each, samples=section.samples, only=held_out))
    evaluations = []
    for name in evaluators(config):
        judge = named_judge(config, name)
        scoring = partial(judging.run, context, judge=judge, generators=[base.key, trained.key])
        _alone(context, partial(scoring, only=held_out, allow_code=allow_code))
        weights = {criterion.name: criterion.weight for criterion in judge.rubric.criteria}
        evaluations.append(
            compare(
                context.store,
                base.key,
                trained.key,
                judge.key,
                held_out=config.pipeline.collect.held_out,
                limit=section.limit,
                samples=section.samples,
                weights=weights,
            )
        )
    return evaluations


def agreements(context: Context) -> list[Agreement]:
    """How the first judge of the evaluation differs from each other one, on what both have scored."""
    from rlaif.evaluate import agreement

    keys = [named_judge(context.config, name).key for name in evaluators(context.config)]
    return [agreement(context.store, keys[0], other) for other in keys[1:]]


def report(context: Context, evaluations: Sequence[Evaluation] = ()) -> Path:
    """The HTML page of all that the store holds of this pipeline."""
    from rlaif import report as page

    path = context.config.out / "report.html"
    page.write(
        context.store, context.config.pipeline, path, evaluations=evaluations, agreements=agreements(context)
    )  # fmt: skip
    return path


def everything(context: Context, *, allow_code: bool = False) -> tuple[Pairing | None, list[Evaluation], Path]:
    """All stages that the pipeline file has."""
    pipeline = context.config.pipeline
    collect(context)
    generate_and_judge(context, allow_code=allow_code)
    made = top_up(context, pair(context), allow_code=allow_code) if pipeline.pair else None
    if made and pipeline.train:
        train(context, made.key)
    evaluations = evaluate(context, allow_code=allow_code)
    return made, evaluations, report(context, evaluations)


def evaluators(config: Config) -> list[str]:
    """The judges of the evaluation."""
    section = config.pipeline.evaluate
    return (section.judges if section else []) or config.judges


def named_judge(config: Config, name: str) -> Judge:
    """The judge of that name in the pipeline file."""
    if name not in config.pipeline.judges:
        known = config.pipeline.judges
        raise InputError(f"no judge is called {name!r}", where=config.file.where(("judges",)), fix=did_you_mean(name, known))
    return judging.judge(config, name)


def judge_key(context: Context, name: str) -> str:
    """The key of a judge of the pipeline file, or of one that came with the data."""
    if name in context.config.pipeline.judges:
        return named_judge(context.config, name).key
    known = {row["name"]: row["key"] for row in context.store.query("judge/names")}
    if name not in known:
        names = [*known, *context.config.pipeline.judges]
        raise InputError(f"no judge is called {name!r}", where=context.config.file.where(()), fix=did_you_mean(name, names))
    return str(known[name])


def audited(context: Context, name: str) -> Audited:
    """A judge as an audit takes it, its criteria weighted as pairs are."""
    judge = judge_key(context, name)
    scored = {row["key"] for row in context.store.query("pair/criteria", judge=judge)}
    criteria = _criteria(context.config, name) or context.store.query("pair/criteria", judge=judge)
    section = context.config.pipeline.pair
    weights = {row["name"]: row["weight"] for row in criteria} | (section.weights if section else {})
    # A criterion by which it only compares has no scores.
    compares = bool(context.store.query("pair/compared", judge=judge))
    kept = [row for row in criteria if not compares or row["key"] in scored]
    return Audited(name, judge, {row["name"]: (row["key"], weights[row["name"]]) for row in kept})


def gold(context: Context, name: str | None = None, audited: Sequence[str] = ()) -> str | None:
    """Who is taken to be right: the judge of that name, the one that `gate` names, the first person's or imported one
    that is not `audited` itself, or the evaluation's first that is a program; None where there is nobody."""
    pipeline = context.config.pipeline
    named = name or (pipeline.gate.gold if pipeline.gate else None)
    if named is not None:
        return named
    people = [row["name"] for row in context.store.query("audit/people") if row["name"] not in audited]
    if people and (pipeline.judges or audited or len(people) > 1):
        return str(people[0])
    programs = [each for each in evaluators(context.config) if pipeline.judges[each].model is None and each not in audited]
    return programs[0] if programs and len({*evaluators(context.config), *context.config.judges}) > 1 else None


def generators(config: Config) -> list[str]:
    """Keys of those whose responses are judged and paired: the pipeline's generator, and imported ones."""
    sources = config.pipeline.collect.sources
    imported = {key("imported", source.generator) for source in sources if _has_responses(source)}
    sampled = {generating.generator(config).key} if config.pipeline.generate else set()
    return sorted(imported | sampled)


def _has_responses(source: Source) -> bool:
    return bool(source.columns.responses or (source.preferences and source.preferences.chosen))


def _criteria(config: Config, name: str) -> list[Row] | None:
    if name not in config.pipeline.judges:
        return None
    return [
        {"key": criterion.key, "name": criterion.name, "weight": criterion.weight,
         "low": criterion.range[0], "high": criterion.range[1], "floor": criterion.floor}
        for criterion in named_judge(config, name).rubric.criteria
    ]  # fmt: skip


def base_generator(config: Config) -> Generator:
    """The generator with the model that is to be trained, as it is before."""
    name, model = training.base_model(config)
    return generating.generator(config, model, name)


def trained_generator(context: Context) -> Generator | None:
    """The generator with the trained model in the place of its base; None before the training is finished."""
    found = training.find(context)
    if found is None or context.config.pipeline.generate is None:
        return None
    name, base = training.base_model(context.config)
    model = base.model_copy(update={"path": str(found.path), "revision": None})
    return generating.generator(context.config, model, f"{name}, trained")


def status(config: Config, store: Store) -> dict[str, list[Row]]:
    """What the store holds, and what each stage has done and cost so far."""
    found = {name: store.query(f"status/{name}") for name in ("holds", "work", "failures")}
    return found | {"spent": [asdict(row) for row in spent(store, config.pipeline)]}


def resolved(config: Config) -> str:
    """The whole configuration as JSON, defaults filled in."""
    return json.dumps(config.pipeline.model_dump(mode="json"), indent=2)

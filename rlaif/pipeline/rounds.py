"""Rounds: generate, judge, pair and train again and again, each time from the model that the last round made.

A round is the pipeline itself with another generator model and, if prompts are partitioned, another part of them. All keys
come from content, so a stopped run starts again at round 1 and finds all finished work in the store.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rlaif.config import Config, ModelConfig, Pipeline, Rounds, TransformersModel, VllmModel
from rlaif.context.run import Context, now
from rlaif.core.types import buckets, key
from rlaif.evaluation import Match
from rlaif.pairs.pairing import Pairing
from rlaif.pipeline.generator import ROUND
from rlaif.pipeline.stages.train import base_model
from rlaif.store.store import Row
from rlaif.training.job import Training

# The folder of the model of the last round that gained, otherwise that of the first round: `path` below the pipeline's
# folder.
_LAST_MODEL: Final = """
    SELECT trainings.path
    FROM rounds JOIN trainings ON trainings.key = rounds.training
    WHERE chain = $chain
    ORDER BY rounds.stopped IS NULL DESC, number DESC
    LIMIT 1
"""
# Deletes the record of a round, and of all later ones if it is the last.
_FORGET = "DELETE FROM rounds WHERE chain = $chain AND (number = $number OR ($last AND number > $number))"


@dataclass(frozen=True)
class RoundResult:
    """The results of one round: the generator (key), the pairs, the trained model, and its evaluation."""

    writer: str
    pairing: Pairing
    training: Training | None
    match: Match | None


def run(context: Context, settings: Rounds, turn: Callable[[Context], RoundResult]) -> Pairing:
    """Run rounds up to the configured number, or until one gains nothing; return the last one's pairs.

    Each result is recorded in the store. `turn` runs one round, in the context of a whole pipeline without rounds.
    """
    writers: list[str] = []
    path: Path | None = None
    for number in range(1, settings.most + 1):
        context.progress.note(f"round {number} of {settings.most}")
        inner = Context(as_round(context.config, settings, number, path), context.store, context.run, context.progress)
        made = turn(inner)
        row = _row(inner, made, writers) | {
            "chain": chain(context.config.pipeline),
            "number": number,
            "stopped": _enough(settings, made),
        }
        with context.store.transaction():
            context.store.run(_FORGET, chain=row["chain"], number=number, last=row["stopped"] is not None)
            context.store.append("rounds", [row])
        context.progress.note(line(row))
        if row["stopped"] or made.training is None:
            break
        writers.append(made.writer)
        path = made.training.path
    return made.pairing


def chain(pipeline: Pipeline) -> str:
    """Return the key of these rounds in the store: a digest of everything that may affect them."""
    fields = pipeline.model_dump(mode="json", exclude={"name", "out", "budget", "gate"})
    # Rounds keep no checkpoints, and chains are older than this setting.
    if fields["train"]:
        del fields["train"]["checkpoints"]
    return key("rounds", fields)


def last_path(context: Context) -> Path | None:
    """Return the folder of the model of the last round that gained, otherwise that of the first; None before any."""
    rows = context.store.query(_LAST_MODEL, chain=chain(context.config.pipeline))
    return context.config.out / rows[0]["path"] if rows else None


def as_round(config: Config, settings: Rounds, number: int, path: Path | None) -> Config:
    """Return the pipeline of one round: its generator's weights are at `path`, or those of the file if None."""
    pipeline = config.pipeline.model_copy(update={"rounds": None})
    if settings.prompts == "partitioned":
        pipeline = _with(pipeline, "generate", part=(number - 1, settings.most))
    if path is not None:
        pipeline = _from(pipeline, config, number, path)
        if settings.reference == "fixed":
            pipeline = _with(pipeline, "train", reference=base_model(config)[0])
    return Config(pipeline, config.file, config.overrides)


def _from(pipeline: Pipeline, config: Config, number: int, path: Path) -> Pipeline:
    """Return the pipeline whose generator, and model to train, is the checkpoint at `path`, under a separate name."""
    name, base = base_model(config)
    trained, section = f"{name}{ROUND}{number}", pipeline.generate
    assert section
    models = pipeline.models | {trained: with_checkpoint(base, base, path)}
    if section.generators:
        own = {"model": trained}
        generators = [
            each.model_copy(update=own | {"name": f"{each.label}{ROUND}{number}"}) if each.model == name else each
            for each in section.pool
        ]
        section = section.model_copy(update={"generators": generators})
    else:
        generating = trained if section.model == name else f"{section.model}{ROUND}{number}"
        models[generating] = with_checkpoint(pipeline.models[str(section.model)], base, path)
        own = {"model": generating} | ({"name": f"{section.name}{ROUND}{number}"} if section.name else {})
        section = section.model_copy(update=own)
    return _with(pipeline.model_copy(update={"models": models, "generate": section}), "train", model=trained)


def with_checkpoint(model: ModelConfig, base: TransformersModel, path: Path) -> ModelConfig:
    """Return the same model with the checkpoint at `path`; a model without a checkpoint is replaced by the trained one."""
    kept = model if isinstance(model, TransformersModel | VllmModel) else base
    return kept.model_copy(update={"path": str(path), "revision": None})


def _with(pipeline: Pipeline, section: str, **changes: object) -> Pipeline:
    return pipeline.model_copy(update={section: getattr(pipeline, section).model_copy(update=changes)})


def _enough(settings: Rounds, made: RoundResult) -> str | None:
    """Return why there is no further round; None if there may be one."""
    if made.training is None:
        return "it made no pairs to train on"
    if made.match and made.match.gain is not None and made.match.gain <= settings.min_gain:
        return f"{made.match.judge} finds a gain of {made.match.gain:+.1f}, and more than {settings.min_gain:g} is asked for"
    return None


def _row(context: Context, made: RoundResult, earlier: list[str]) -> Row:
    """Return the record of a round: how its responses, prompts and pairs compare with those of the rounds before."""
    drift = context.store.query(
        "pipeline/sql/rounds/drift",
        writer=made.writer,
        pairing=made.pairing.key,
        judge=made.pairing.judge,
        earlier=earlier,
        held_out=buckets(context.config.pipeline.collect.held_out),
    )[0]
    match = made.match
    return drift | {
        "writer": made.writer,
        "pairing": made.pairing.key,
        "training": made.training.key if made.training else None,
        "pairs": made.pairing.pairs,
        "judge": match.judge if match else None,
        "created": now(),
        "before": match.base.score if match else None,
        "after": match.trained.score if match else None,
    }


def line(row: Row) -> str:
    """Describe one round in a line."""
    parts = {
        "fresh answers score {fresh:.1f}": row["fresh"],
        "mean margin {margin:.1f}": row["margin"],
        "{shared:.0%} of its prompts shared with earlier rounds": row["shared"] if row["number"] > 1 else None,
        "held out, by {judge}: {before:.1f} before, {after:.1f} after": row["after"],
    }
    found = "".join(f"; {text.format(**row)}" for text, value in parts.items() if value is not None)
    ended = f" It is the last: {row['stopped']}." if row["stopped"] else ""
    return f"round {row['number']}: {row['pairs']:,} pairs{found}.{ended}"

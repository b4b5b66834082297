"""Train: fine-tunes the generator's model on the pairs of one pairing, once, into `out/models/KEY`."""

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Protocol

from rlaif.config import Config, Train, TransformersModel
from rlaif.context.run import Context, now
from rlaif.core.errors import InputError
from rlaif.core.tool_calls import assistant_turn, template_input
from rlaif.core.types import buckets
from rlaif.data.sources.row_errors import Faults
from rlaif.models.local.chat_template import template_variables
from rlaif.models.local.checkpoint import locate
from rlaif.models.registry import identity
from rlaif.pipeline.generator import Generator
from rlaif.training.formats import Row, as_text, imitated
from rlaif.training.job import Job, Training
from rlaif.training.methods import METHODS
from rlaif.training.trainer import Score, TrainingData, fit

# The messages of held-out prompts (bucket below $held_out): as generators saw them, and also as they were collected if
# they have no document (the same request may be asked about several documents).
_HELD_OUT_MESSAGES: Final = """
    SELECT messages FROM current_prompts WHERE bucket < $held_out AND document IS NULL
    UNION
    SELECT messages FROM rendered_prompts WHERE prompt IN (SELECT key FROM current_prompts WHERE bucket < $held_out)
"""


class OnlineRewards(Protocol):
    """Prompts and rewards, for methods that sample responses during training."""

    @property
    def identity(self) -> list[Any]:
        """Return everything that the rewards depend on."""

    @property
    def rows(self) -> list[Row]:
        """Return the prompts."""

    def open(self, fitted: Mapping[int, Path]) -> AbstractContextManager[Score]:
        """Open the rewards; `fitted` are the checkpoints of fitted reward models, by place."""


def run(context: Context, pairing: str | None = None, online_rewards: OnlineRewards | None = None) -> Training:
    """Train on the pairs of `pairing` (by default the newest), or return the finished training.

    The key covers the method, the base model, the options, the seed and the pairs in order: equal keys mean equal
    work, so a finished training is never repeated and a stopped one resumes exactly from its last checkpoint.
    Methods that sample responses during training need `online_rewards`.
    """
    return _trained(context, section_of(context.config), pairing, online_rewards)


def section_of(config: Config) -> Train:
    """Return the `train` section. Raises InputError if there is none."""
    if config.pipeline.train is None:
        raise InputError("nothing to train", where=config.file.where(()), fix="Add a `train` section.")
    return config.pipeline.train


def _trained(context: Context, section: Train, pairing: str | None, online_rewards: OnlineRewards | None) -> Training:
    job = job_of(context, section, pairing, online_rewards)
    if job.folder.exists():
        return record(context, job)
    check_data(context, job)
    rewarded = online_rewards.open(_fitted(context, section, pairing)) if online_rewards else nullcontext()
    with rewarded as score, context.stage("train") as tally:
        lesson = replace(job.lesson, score=score)
        fit(section, job.base, lesson, job.folder, context.config.file, tally, context.progress.note)
    return record(context, job)


def _fitted(context: Context, section: Train, pairing: str | None) -> dict[int, Path]:
    """Fit the reward models that are trained on the pairs first; return their folders by place."""
    plain: dict[str, Any] = {"method": "reward", "rewards": [], "peft": {}, "checkpoints": None}
    return {
        place: _trained(context, section.model_copy(update=plain | {"options": each.fit}), pairing, None).path
        for place, each in enumerate(section.rewards)
        if each.fit is not None
    }


def find(context: Context, pairing: str | None = None, online_rewards: OnlineRewards | None = None) -> Training | None:
    """Return the training that `run` would make if it is finished already, otherwise None."""
    section = context.config.pipeline.train
    if section is None:
        return None
    job = job_of(context, section, pairing, online_rewards)
    return job.finished if job.folder.exists() else None


def base_model(config: Config) -> tuple[str, TransformersModel]:
    """Return the model to train and its name: `train.model`, otherwise that of the only generator.

    Raises InputError if the file has no such model, if several generators name one, or if it cannot be trained.
    """
    train, generate = config.pipeline.train, config.pipeline.generate
    name, place = train.model if train else None, ("train", "model")
    if name is None and generate and generate.generators:
        names = ", ".join(dict.fromkeys(str(each.model) for each in generate.pool))
        raise InputError(
            f"`generate` has {len(generate.generators)} generators, and nothing says which one is trained",
            where=config.file.where(("train",)),
            fix=f"Name a model under `train.model`, such as one of {names}.",
        )
    if name is None and generate:
        name, place = generate.model, ("generate", "model")
    fix = "Name a model of kind `transformers` under train.model: a checkpoint is needed, not a server."
    if name is None:
        raise InputError("no model to train", where=config.file.where(("train",)), fix=fix)
    model = config.pipeline.models[name]
    if not isinstance(model, TransformersModel):
        raise InputError(f"a model of kind {model.kind!r} cannot be trained", where=config.file.where(place), fix=fix)
    return name, model


def check_template(config: Config, generators: Sequence[Generator]) -> None:
    """Check that training renders prompts as the generators did. Raises InputError with the difference if not.

    A single generator with other weights matters only if it sets variables of the chat template; in a pool, only generators
    with the weights of the model to train matter.
    """
    section_of(config)
    name, model = base_model(config)
    own = template_variables(model)
    for generator in generators:
        theirs = template_variables(generator.model)
        same = generator.settings.model == name or getattr(generator.model, "path", None) == model.path
        if theirs != own and (same or (theirs and len(generators) == 1)):
            raise InputError(
                f"training would render prompts with other chat_template_kwargs ({json.dumps(own)}) than generator "
                f"{generator.name!r}, which made the responses ({json.dumps(theirs)})",
                where=config.file.where(("models", name)),
                fix=f"Give both models the same `extra: {{chat_template_kwargs: {json.dumps(theirs)}}}`.",
            )


def check_data(context: Context, job: Job) -> None:
    """Report the rows that are left out. Raises InputError if there is nothing to train on."""
    for line in job.lesson.notes:
        context.progress.note(f"train.data:{line[1:]}")
    if job.lesson.read(job.section.method) or job.lesson.refused:
        return
    what = "prompts" if METHODS[job.section.method].samples else "pairs"
    raise InputError(
        f"there are no {what} to train on",
        where=context.config.file.where(("train",)),
        fix="`rlaif explain PROMPT_ID` says why a prompt has no pair; those of held-out prompts do not count.",
    )


def job_of(context: Context, section: Train, pairing: str | None = None, online_rewards: OnlineRewards | None = None) -> Job:
    """Return the training of this section on the pairs of `pairing`, by default the newest."""
    config = context.config
    name, model = base_model(config)
    where = config.file.where(("models", name, "path"))
    newest = context.store.query("SELECT key FROM newest_pairing")
    pairing = pairing or (newest[0]["key"] if newest else "")
    lesson, rewards = _lesson(context, section, pairing, online_rewards)
    return Job(
        section, name, _located(model, where), identity(model, where=where), pairing, config.out / "models", lesson, rewards
    )


def _lesson(
    context: Context, section: Train, pairing: str, online_rewards: OnlineRewards | None
) -> tuple[TrainingData, list[Any]]:
    """Return the training data without held-out prompts, and everything that its rewards depend on."""
    config, samples = context.config, METHODS[section.method].samples
    if samples and online_rewards is None:
        raise ValueError(f"{section.method} needs prompts and rewards")
    alone = section.method == "sft" and section.data
    pairs = [] if alone else _pairs(context, pairing)
    rewards: list[Any] = []
    if samples and online_rewards:
        rewards = [online_rewards.identity, *([pairs] if any(each.fit is not None for each in section.rewards) else [])]
    taught = online_rewards.rows if samples and online_rewards else pairs
    shown, faults = _imitated(config, section)
    held_out = context.store.query(_HELD_OUT_MESSAGES, held_out=buckets(config.pipeline.collect.held_out))
    asked = {as_text(json.loads(row["messages"])) for row in held_out}
    rows, data = ([row for row in each if as_text(row["prompt"]) not in asked] for each in (taught, shown))
    left_out = {"held_out": len(taught) + len(shown) - len(rows) - len(data), "bad_row": faults.bad}
    if section.method == "dpo_soft":
        left_out["unsure"] = sum(row["confidence"] is None for row in rows)
    lesson = TrainingData(
        rows,
        data,
        sampling=_sampling(config, METHODS[section.method].length) if samples else {},
        reference=_reference(config, section),
        refused={kind: count for kind, count in left_out.items() if count},
        notes=list(faults.listed()),
    )
    return lesson, rewards


def _imitated(config: Config, section: Train) -> tuple[list[Row], Faults]:
    """Return the responses of `train.data`."""
    if section.data is None:
        return [], Faults()
    place = ("train", "data")
    return imitated(config.find(section.data, place), config.pipeline.collect.max_bad_rows, where=config.file.where(place))


def _located(model: TransformersModel, where: str) -> TransformersModel:
    return model.model_copy(update={"path": str(locate(model.path, where=where))})


def _reference(config: Config, section: Train) -> TransformersModel | None:
    if section.reference is None:
        return None
    model = config.pipeline.models[section.reference]
    if not isinstance(model, TransformersModel):
        where = config.file.where(("train", "reference"))
        raise InputError(
            f"a model of kind {model.kind!r} gives no log-probabilities here",
            where=where,
            fix="Name one of kind `transformers`.",
        )
    return _located(model, config.file.where(("models", section.reference, "path")))


def _sampling(config: Config, length: str) -> dict[str, Any]:
    """Return the sampling settings during training, which are those of the generator with the model to train."""
    section = config.pipeline.generate
    assert section
    settings = section.settings_of(base_model(config)[0])
    temperature = {} if settings.temperature is None else {"temperature": settings.temperature}
    return {length: settings.max_tokens, "top_p": settings.top_p} | temperature


def _pairs(context: Context, pairing: str) -> list[Row]:
    """Return the pairs in TRL's conversational format with explicit prompt, plus `margin`, `confidence` and any `tools`."""
    held_out = buckets(context.config.pipeline.collect.held_out)
    return [_pair(row) for row in context.store.query("pipeline/sql/train/pairs", pairing=pairing, held_out=held_out)]


def _pair(row: Mapping[str, Any]) -> Row:
    asked = json.loads(row["messages"])
    prompt, tools = template_input(asked)
    sides = {side: [assistant_turn(row[side], asked)] for side in ("chosen", "rejected")}
    pair = {"prompt": prompt, **sides, "margin": row["margin"], "confidence": row["confidence"]}
    return pair | ({"tools": json.dumps(tools)} if tools else {})


def record(context: Context, job: Job) -> Training:
    """Record the finished training in the store, once, and return it."""
    store, training = context.store, job.finished
    if store.query("SELECT key FROM trainings WHERE key = $key LIMIT 1", key=job.key):
        return training
    section = job.section.model_dump(mode="json", exclude_defaults=True)
    outcome = {name: job.record.get(name, []) for name in ("rows", "refused", "warnings")}
    spec = {"base": job.identity, "train": section, **outcome}
    with store.transaction():
        store.append(
            "trainings",
            [
                {
                    "key": job.key,
                    "pairing": job.pairing,
                    "method": training.method,
                    "base": job.name,
                    "path": str(job.folder.relative_to(context.config.out)),
                    "spec": json.dumps(spec),
                    "created": now(),
                }
            ],
        )
        store.append("training_log", [{"training": job.key, **entry} for entry in job.record["log"]])
    return training

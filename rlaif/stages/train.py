"""Train: the generator's model on the pairs of one pairing, into `out/models/KEY`, once."""

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from rlaif.config import Config, Train, TransformersModel
from rlaif.context import Context, now
from rlaif.errors import InputError
from rlaif.models import identity
from rlaif.models.checkpoint import locate
from rlaif.records import key
from rlaif.training.fit import RECORD, Lesson, Score, fit
from rlaif.training.methods import DEFAULTS, METHODS
from rlaif.training.rows import Row, imitated


@dataclass(frozen=True)
class Training:
    """A finished training. `path` is a plain checkpoint; `rows` were trained on, `refused` were not, by kind."""

    key: str
    path: Path
    method: str
    rows: int
    refused: Mapping[str, int]


class Practice(Protocol):
    """Prompts and rewards, for methods that sample answers of their own."""

    @property
    def identity(self) -> list[Any]:
        """All that decides the rewards."""

    @property
    def rows(self) -> list[Row]:
        """The prompts."""

    def open(self, fitted: Mapping[int, Path]) -> AbstractContextManager[Score]:
        """The rewards, with the checkpoints that were `fitted` for some of them."""


def run(context: Context, pairing: str | None = None, practice: Practice | None = None) -> Training | None:
    """Trains on the pairs of `pairing` (the newest where None), or finds that this was done; None without a section.

    The key covers the method, the base model, the options, the seed and the pairs in order: equal keys mean equal
    work, so a finished training is never repeated and a stopped one goes on exactly where its last checkpoint stands.
    Methods that sample answers of their own need `practice`.
    """
    section = context.config.pipeline.train
    return _trained(context, section, pairing, practice) if section else None


def _trained(context: Context, section: Train, pairing: str | None, practice: Practice | None) -> Training:
    job = _job(context, section, pairing, practice)
    if job.folder.exists():
        return _record(context, job)
    if not job.rows:
        raise InputError(
            f"there are no {'prompts' if practice else 'pairs'} to train on", where=context.config.file.where(("train",)),
            fix="`rlaif explain PROMPT_ID` says why a prompt has no pair; those of held-out prompts do not count.",
        )  # fmt: skip
    with practice.open(_fitted(context, section, pairing)) if practice else nullcontext() as score:
        lesson = Lesson(job.rows, job.imitated, score, job.sampling, job.reference)
        with context.stage("train") as tally:
            fit(section, job.base, lesson, job.folder, context.config.file, tally, context.progress.note)
    return _record(context, job)


def _fitted(context: Context, section: Train, pairing: str | None) -> dict[int, Path]:
    """The reward models that are fitted to the pairs first, by place."""
    plain = {"method": "reward", "rewards": [], "peft": {}}
    return {
        place: _trained(context, section.model_copy(update=plain | {"options": each.fit}), pairing, None).path
        for place, each in enumerate(section.rewards)
        if each.fit is not None
    }


def find(context: Context, pairing: str | None = None, practice: Practice | None = None) -> Training | None:
    """The training that `run` would make, where it is finished already."""
    section = context.config.pipeline.train
    if section is None:
        return None
    job = _job(context, section, pairing, practice)
    return job.finished if job.folder.exists() else None


def base_model(config: Config) -> tuple[str, TransformersModel]:
    """The model to train and its name: `train.model`, else the generator's. Raises InputError for one that cannot be."""
    train, generate = config.pipeline.train, config.pipeline.generate
    name, place = train.model if train else None, ("train", "model")
    if name is None and generate:
        name, place = generate.model, ("generate", "model")
    fix = "Name a model of kind `transformers` under train.model: a checkpoint is needed, not a server."
    if name is None:
        raise InputError("no model to train", where=config.file.where(("train",)), fix=fix)
    model = config.pipeline.models[name]
    if not isinstance(model, TransformersModel):
        raise InputError(f"a model of kind {model.kind!r} cannot be trained", where=config.file.where(place), fix=fix)
    return name, model


@dataclass(frozen=True)
class _Job:
    """What is to be trained on what. `base` is the model with a path that can be loaded from here."""

    section: Train
    name: str
    base: TransformersModel
    identity: Mapping[str, Any]
    pairing: str
    rows: list[Row]
    models: Path
    imitated: list[Row]
    reference: TransformersModel | None
    sampling: Mapping[str, Any]
    rewards: list[Any]

    @cached_property
    def key(self) -> str:
        section = self.section
        settings = {**DEFAULTS, **METHODS[section.method].defaults, **self.sampling, **section.options}
        own: dict[str, Any] = {
            "data": self.imitated and key("rows", self.imitated), "joint": self.imitated and [section.joint, section.share],
            "reference": self.reference and identity(self.reference), "rewards": self.rewards, "peft": section.peft,
        }  # fmt: skip
        return key("training", section.method, self.identity, settings, section.seed, key("pairs", self.rows),
                   {name: value for name, value in own.items() if value})  # fmt: skip

    @property
    def folder(self) -> Path:
        return self.models / self.key

    @cached_property
    def record(self) -> dict[str, Any]:
        """What was written down when the training was finished."""
        record: dict[str, Any] = json.loads((self.folder / RECORD).read_text(encoding="utf-8"))
        return record

    @property
    def finished(self) -> Training:
        return Training(self.key, self.folder, self.section.method, self.record["rows"], self.record["refused"])


def _job(context: Context, section: Train, pairing: str | None, practice: Practice | None) -> _Job:
    config = context.config
    name, model = base_model(config)
    where = config.file.where(("models", name, "path"))
    newest = context.store.query("train/newest_pairing")
    pairing = pairing or (newest[0]["key"] if newest else "")
    samples = METHODS[section.method].samples
    if samples and practice is None:
        raise ValueError(f"{section.method} needs prompts and rewards")
    job = _Job(
        section, name, _located(model, where), identity(model, where=where), pairing, _rows(context, pairing),
        config.out / "models", imitated(config.find(section.data, ("train", "data"))) if section.data else [],
        _reference(config, section), {}, [],
    )  # fmt: skip
    if not (samples and practice):
        return job
    fits = [job.rows] if any(each.fit is not None for each in section.rewards) else []
    rewards = [practice.identity, *fits]
    return replace(job, rows=practice.rows, sampling=_sampling(config), rewards=rewards)


def _located(model: TransformersModel, where: str) -> TransformersModel:
    return model.model_copy(update={"path": str(locate(model.path, where=where))})


def _reference(config: Config, section: Train) -> TransformersModel | None:
    if section.reference is None:
        return None
    model = config.pipeline.models[section.reference]
    if not isinstance(model, TransformersModel):
        where = config.file.where(("train", "reference"))
        raise InputError(f"a model of kind {model.kind!r} gives no log-probabilities here", where=where,
                         fix="Name one of kind `transformers`.")  # fmt: skip
    return _located(model, config.file.where(("models", section.reference, "path")))


def _sampling(config: Config) -> dict[str, Any]:
    """How answers are sampled while training: as the pipeline samples them."""
    settings = config.pipeline.generate
    assert settings
    return {"max_completion_length": settings.max_tokens, "temperature": settings.temperature, "top_p": settings.top_p}


def _rows(context: Context, pairing: str) -> list[Row]:
    """The pairs in TRL's explicit conversational form: `prompt`, `chosen` and `rejected` as message lists; and numbers."""
    held_out = round(context.config.pipeline.collect.held_out * 10000)
    return [
        {
            "prompt": json.loads(pair["messages"]),
            "chosen": [{"role": "assistant", "content": pair["chosen"]}],
            "rejected": [{"role": "assistant", "content": pair["rejected"]}],
            "margin": pair["margin"],
            "confidence": pair["confidence"],
        }
        for pair in context.store.query("train/pairs", pairing=pairing, held_out=held_out)
    ]


def _record(context: Context, job: _Job) -> Training:
    """Puts the finished training into the store, once, and gives it."""
    store, training = context.store, job.finished
    if store.query("train/recorded", key=job.key):
        return training
    spec = {"base": job.identity, "options": job.section.options, "seed": job.section.seed,
            "rows": training.rows, "refused": training.refused}  # fmt: skip
    with store.transaction():
        store.append("trainings", [{
            "key": job.key, "pairing": job.pairing, "method": training.method, "base": job.name,
            "path": str(job.folder.relative_to(context.config.out)), "spec": json.dumps(spec), "created": now(),
        }])  # fmt: skip
        store.append("training_log", [{"training": job.key, **entry} for entry in job.record["log"]])
    return training

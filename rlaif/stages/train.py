"""Train: the generator's model on the pairs of one pairing, into `out/models/KEY`, once."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rlaif.config import Config, Train, TransformersModel
from rlaif.context import Context, now
from rlaif.errors import InputError
from rlaif.models import identity
from rlaif.models.checkpoint import locate
from rlaif.records import key
from rlaif.training.fit import RECORD, fit
from rlaif.training.methods import DEFAULTS, METHODS, Row


@dataclass(frozen=True)
class Training:
    """A finished training. `path` is a plain checkpoint; `rows` were trained on, `refused` were not, by kind."""

    key: str
    path: Path
    method: str
    rows: int
    refused: Mapping[str, int]


def run(context: Context, pairing: str | None = None) -> Training | None:
    """Trains on the pairs of `pairing` (the newest where None), or finds that this was done; None without a section.

    The key covers the method, the base model, the options, the seed and the pairs in order: equal keys mean equal
    work, so a finished training is never repeated and a stopped one goes on exactly where its last checkpoint stands.
    """
    section = context.config.pipeline.train
    if section is None:
        return None
    job = _job(context, section, pairing)
    if not job.rows:
        raise InputError(
            "there are no pairs to train on", where=context.config.file.where(("train",)),
            fix="`rlaif explain PROMPT_ID` says why a prompt has none; pairs of held-out prompts do not count.",
        )  # fmt: skip
    if not job.folder.exists():
        with context.stage("train") as tally:
            fit(section, job.base, job.rows, job.folder, context.config.file, tally, context.progress.note)
    return _record(context, job)


def find(context: Context, pairing: str | None = None) -> Training | None:
    """The training that `run` would make, where it is finished already."""
    section = context.config.pipeline.train
    if section is None:
        return None
    job = _job(context, section, pairing)
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

    @cached_property
    def key(self) -> str:
        section = self.section
        settings = {**DEFAULTS, **METHODS[section.method].defaults, **section.options}
        return key("training", section.method, self.identity, settings, section.seed, key("pairs", self.rows))

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


def _job(context: Context, section: Train, pairing: str | None) -> _Job:
    config = context.config
    name, model = base_model(config)
    where = config.file.where(("models", name, "path"))
    base = model.model_copy(update={"path": str(locate(model.path, where=where))})
    newest = context.store.query("train/newest_pairing")
    pairing = pairing or (newest[0]["key"] if newest else "")
    return _Job(section, name, base, identity(model, where=where), pairing, _rows(context, pairing), config.out / "models")


def _rows(context: Context, pairing: str) -> list[Row]:
    """The pairs in TRL's explicit conversational form: `prompt`, `chosen` and `rejected` as message lists."""
    held_out = round(context.config.pipeline.collect.held_out * 10000)
    return [
        {
            "prompt": json.loads(pair["messages"]),
            "chosen": [{"role": "assistant", "content": pair["chosen"]}],
            "rejected": [{"role": "assistant", "content": pair["rejected"]}],
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

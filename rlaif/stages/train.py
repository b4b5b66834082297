"""Train: the generator's model on the pairs of one pairing, into `out/models/KEY`, once."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlaif.config import Config, Train, TransformersModel
from rlaif.context import Context, now
from rlaif.errors import InputError
from rlaif.models import identity
from rlaif.models.checkpoint import locate
from rlaif.records import key
from rlaif.training.fit import RECORD, fit
from rlaif.training.methods import DEFAULTS, METHODS


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
    name, base = base_model(context.config)
    where = context.config.file.where(("models", name, "path"))
    base_identity = identity(base, where=where)
    loadable = base.model_copy(update={"path": str(locate(base.path, where=where))})
    pairing = pairing or _newest_pairing(context)
    rows = _rows(context, pairing)
    work = key("training", section.method, base_identity, _settings(section), section.seed, key("pairs", rows))
    folder = context.config.out / "models" / work
    if not folder.exists():
        with context.stage("train") as tally:
            fit(section, loadable, rows, folder, context.config.file, tally)
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    training = Training(work, folder, section.method, record["rows"], record["refused"])
    spec = {"base": base_identity, "options": section.options, "seed": section.seed,
            "rows": training.rows, "refused": training.refused}  # fmt: skip
    _record(context, training, pairing, name, spec, record["log"])
    return training


def base_model(config: Config) -> tuple[str, TransformersModel]:
    """The model to train and its name: `train.model`, else the generator's. Raises InputError for one that cannot be."""
    pipeline = config.pipeline
    place = ("train", "model") if pipeline.train and pipeline.train.model else ("generate", "model")
    name = pipeline.train.model if pipeline.train and pipeline.train.model else None
    if name is None and pipeline.generate:
        name = pipeline.generate.model
    fix = "Name a model of kind `transformers` under train.model: a checkpoint is needed, not a server."
    if name is None:
        raise InputError("no model to train", where=config.file.where(("train",)), fix=fix)
    model = pipeline.models[name]
    if not isinstance(model, TransformersModel):
        raise InputError(f"a model of kind {model.kind!r} cannot be trained", where=config.file.where(place), fix=fix)
    return name, model


def _newest_pairing(context: Context) -> str:
    rows = context.store.query("train/newest_pairing")
    return str(rows[0]["key"]) if rows else ""


def _rows(context: Context, pairing: str) -> list[dict[str, Any]]:
    """The pairs in TRL's explicit conversational form: `prompt`, `chosen` and `rejected` as message lists."""
    held_out = round(context.config.pipeline.collect.held_out * 10000)
    pairs = context.store.query("train/pairs", pairing=pairing, held_out=held_out)
    if not pairs:
        raise InputError(
            "there are no pairs to train on", where=context.config.file.where(("train",)),
            fix="`rlaif explain PROMPT_ID` says why a prompt has none; pairs of held-out prompts do not count.",
        )  # fmt: skip
    return [
        {
            "prompt": json.loads(pair["messages"]),
            "chosen": [{"role": "assistant", "content": pair["chosen"]}],
            "rejected": [{"role": "assistant", "content": pair["rejected"]}],
        }
        for pair in pairs
    ]


def _settings(section: Train) -> dict[str, Any]:
    return {**DEFAULTS, **METHODS[section.method].defaults, **section.options}


def _record(
    context: Context, training: Training, pairing: str, base: str, spec: Mapping[str, Any], log: Sequence[Any]
) -> None:
    """Puts the finished training into the store, once."""
    store = context.store
    if store.query("train/recorded", key=training.key):
        return
    with store.transaction():
        store.append("trainings", [{
            "key": training.key, "pairing": pairing, "method": training.method, "base": base,
            "path": str(training.path.relative_to(context.config.out)), "spec": json.dumps(spec), "created": now(),
        }])  # fmt: skip
        store.append("training_log", [{"training": training.key, **entry} for entry in log])

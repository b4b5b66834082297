"""Identify a training: its key is a digest of everything that determines it, and its folder is named after the key."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rlaif.config import Train, TransformersModel
from rlaif.core.types import key
from rlaif.models.registry import identity
from rlaif.training.methods import DEFAULTS, METHODS
from rlaif.training.trainer import RECORD, TrainingData


@dataclass(frozen=True)
class Training:
    """A finished training. `path` is a plain checkpoint, `rows` the number trained on; `refused` counts others by kind."""

    key: str
    path: Path
    method: str
    rows: int
    refused: Mapping[str, int]


@dataclass(frozen=True)
class Job:
    """A training to be done: the model, the data and the settings. `base` is the model with a path that can be loaded."""

    section: Train
    name: str
    base: TransformersModel
    identity: Mapping[str, Any]
    pairing: str
    models: Path
    lesson: TrainingData
    rewards: list[Any]

    @cached_property
    def key(self) -> str:
        section, lesson = self.section, self.lesson
        settings = {**DEFAULTS, **METHODS[section.method].defaults, **lesson.sampling, **section.options}
        settings |= METHODS[section.method].fixed
        own: dict[str, Any] = {
            "data": lesson.imitated and key("rows", lesson.imitated),
            "joint": section.method == "dpo_sft" and [section.joint, section.share],
            "reference": lesson.reference and identity(lesson.reference),
            "rewards": self.rewards,
            "peft": section.peft,
            "checkpoints": section.checkpoints,
        }
        return key(
            "training",
            section.method,
            self.identity,
            settings,
            section.seed,
            key("pairs", lesson.rows),
            {name: value for name, value in own.items() if value},
        )

    @property
    def folder(self) -> Path:
        return self.models / self.key

    @cached_property
    def record(self) -> dict[str, Any]:
        """Return the record that was written when the training finished."""
        record: dict[str, Any] = json.loads((self.folder / RECORD).read_text(encoding="utf-8"))
        return record

    @property
    def finished(self) -> Training:
        return Training(self.key, self.folder, self.section.method, self.record["rows"], self.record["refused"])

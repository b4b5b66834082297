"""The models that an evaluation compares: the base, the trained model, and those that `evaluate.models` names."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from rlaif.config import Config, ModelConfig, TransformersModel, VllmModel
from rlaif.config.yaml import did_you_mean
from rlaif.context.run import Context
from rlaif.core.errors import InputError
from rlaif.data.sources.importer import IMPORTED, imported
from rlaif.judging.judge import Judge
from rlaif.models.local.checkpoint import locate
from rlaif.pipeline import rounds
from rlaif.pipeline.generator import Generator
from rlaif.pipeline.online_rewards import OnlineRewards
from rlaif.pipeline.plan import Plan
from rlaif.pipeline.stages import train as training
from rlaif.store.store import Store
from rlaif.training.job import Training
from rlaif.training.kept_checkpoints import find
from rlaif.training.trainer import RECORD

# The trained model has the name of its base with this.
TRAINED: Final = ", trained"


@dataclass(frozen=True)
class RecordedModel:
    """A model whose responses came with the data; it is never called."""

    name: str
    key: str


@dataclass(frozen=True)
class ImportedJudge:
    """A judge whose scores or preferences came with the data; it is never called."""

    name: str
    key: str


@dataclass(frozen=True)
class KeptCheckpoint:
    """A checkpoint that a training kept: its step, its folder, and the generator with its weights."""

    step: int
    folder: Path
    generator: Generator


def recorded_base(plan: Plan) -> RecordedModel | None:
    """Return the base of the evaluation if its responses are recorded, otherwise None. Raises InputError without a base."""
    section = plan.config.pipeline.evaluate
    if section is None or (plan.config.pipeline.generate and section.base not in section.recorded):
        return None
    if section.base is None:
        where = plan.config.file.where(("evaluate",))
        raise InputError("no base to compare with", where=where, fix="Name a model with recorded responses as `base`.")
    return RecordedModel(section.base, imported(section.base))


def recorded_models(plan: Plan) -> list[RecordedModel]:
    """Return the models of `evaluate.models` with recorded responses, without the base."""
    section = plan.config.pipeline.evaluate
    if section is None:
        return []
    names = list(section.recorded) if plan.config.pipeline.generate else list(section.models)
    return [RecordedModel(name, imported(name)) for name in names if name != section.base]


def evaluation_judge(plan: Plan, name: str) -> Judge | ImportedJudge:
    """Return a judge of the file, or one that came with the data."""
    return plan.judge(name) if name in plan.config.pipeline.judges else ImportedJudge(name, imported(name))


def check_recorded(
    plan: Plan, store: Store, models: Sequence[Generator | RecordedModel], judges: Sequence[Judge | ImportedJudge]
) -> None:
    """Check that everything that should have come with the data is in the store. Raises InputError otherwise."""
    where = plan.config.file.where(("evaluate",))
    for what, table, named in (("response of", "generators", models), ("score or preference by", "judges", judges)):
        known = {row["name"] for row in store.rows(f"SELECT name FROM {table} WHERE spec = '{IMPORTED}'")}
        for each in named:
            if isinstance(each, RecordedModel | ImportedJudge) and each.name not in known:
                fix = did_you_mean(each.name, known) or "Name a file or a source that has some."
                raise InputError(f"no {what} {each.name!r} came with the data", where=where, fix=fix)


def base_generator(plan: Plan) -> Generator:
    """Return the generator with the untrained base model; the policy itself if nothing is trained."""
    if plan.config.pipeline.train is None:
        return plan.policy
    name, model = training.base_model(plan.config)
    return plan.policy if plan.policy.settings.model == name else replace(plan.policy, model=model, name=name)


def trained_generator(plan: Plan, context: Context) -> Generator | None:
    """Return the generator with the trained model instead of its base; None until it is trained, or for a reward model.

    If the pipeline has rounds, it is the model of the last round that gained.
    """
    pipeline = plan.config.pipeline
    if pipeline.train and pipeline.train.method == "reward":
        return None
    path = rounds.last_path(context) if pipeline.rounds else _finished_path(plan, context)
    if path is None or pipeline.generate is None:
        return None
    name, base = training.base_model(plan.config)
    model = base.model_copy(update={"path": str(path), "revision": None})
    return replace(plan.policy, model=model, name=f"{name}{TRAINED}")


def kept_checkpoints(trained: Generator | None) -> list[KeptCheckpoint]:
    """Return the checkpoints that a training kept, in order; the trained model is the last. Empty if it kept none."""
    if trained is None or not isinstance(trained.model, TransformersModel):
        return []
    folder = Path(trained.model.path)
    kept = find(folder)
    if not kept:
        return []
    last = json.loads((folder / RECORD).read_text(encoding="utf-8"))["steps"]
    checkpoints = [KeptCheckpoint(step, path, _at(trained, trained.model, step, path)) for step, path in kept]
    return [*checkpoints, KeptCheckpoint(last, folder, trained)]


def _at(trained: Generator, model: TransformersModel, step: int, path: Path) -> Generator:
    name = f"{trained.name.removesuffix(TRAINED)}, step {step}"
    return replace(trained, model=model.model_copy(update={"path": str(path)}), name=name)


def _finished_path(plan: Plan, context: Context) -> Path | None:
    """Return the model trained on the pairs that the file describes, otherwise that on the newest pairs, or None."""
    section = plan.config.pipeline.train
    pairings: list[str | None] = [None]
    if section and section.needs_pairs:
        with suppress(InputError):
            pairings.insert(0, plan.described_pairing(context.store))
    trainer = online_rewards(plan, context)
    found: Training | None = None
    found = next((each for key in pairings if (each := training.find(context, key, online_rewards=trainer))), None)
    return found.path if found else None


def online_rewards(plan: Plan, context: Context, *, allow_code: bool = False) -> OnlineRewards | None:
    """Return the prompts and rewards of a training that samples responses; None if the training has no rewards."""
    section = plan.config.pipeline.train
    return OnlineRewards(plan, context, section, allow_code=allow_code) if section and section.rewards else None


def contenders(plan: Plan) -> list[Generator]:
    """Return a generator for each model that `evaluate.models` names."""
    section, known = plan.config.pipeline.evaluate, plan.config.pipeline.models
    if section is None or not section.models or plan.config.pipeline.generate is None:
        return []
    places = section.models.items() if isinstance(section.models, dict) else enumerate(section.models)
    named = [(place, str(place if isinstance(section.models, dict) else each)) for place, each in places]
    sampled = [(place, name) for place, name in named if name not in section.recorded]
    base = base_generator(plan).model if sampled else None
    return [
        replace(plan.policy, model=known.get(name) or _checkpoint(plan.config, base, name, place), name=name)
        for place, name in sampled
    ]


def _checkpoint(config: Config, base: ModelConfig | None, name: str, place: int | str) -> ModelConfig:
    """Return the base model with another checkpoint's weights. Raises InputError for an unknown model or checkpoint."""
    where = config.file.where(("evaluate", "models", place))
    if not isinstance(base, TransformersModel | VllmModel):
        fix = did_you_mean(name, config.pipeline.models)
        raise InputError(f"no model is called {name!r}", where=where, fix=fix)
    locate(name, where=where)
    return base.model_copy(update={"path": name, "revision": None})

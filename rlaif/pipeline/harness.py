"""Public benchmarks by EleutherAI's lm-evaluation-harness, if it is installed. Results are kept as files."""

import json
from collections.abc import Sequence
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from rlaif.config import Config, TransformersModel
from rlaif.core.errors import InputError
from rlaif.core.types import key
from rlaif.evaluation.types import HarnessResult
from rlaif.models.local.checkpoint import locate
from rlaif.pipeline.generator import Generator


def check(config: Config) -> None:
    """Check that the harness is installed if the pipeline uses it. Raises InputError otherwise."""
    section = config.pipeline.evaluate
    if section and section.harness and find_spec("lm_eval") is None:
        raise InputError(
            "lm-evaluation-harness is not installed",
            where=config.file.where(("evaluate", "harness")),
            fix="Run `pip install 'rlaif[harness]'`, or remove `harness`.",
        )


def measure(
    config: Config, tasks: Sequence[str], models: Sequence[Generator], *, stored: bool = False
) -> list[HarnessResult]:
    """Measure each of these models that is a checkpoint on each of these tasks. Earlier results are reused.

    With `stored`, nothing is measured.
    """
    if stored and find_spec("lm_eval") is None:
        return []
    check(config)
    return [
        HarnessResult(each.name, task, metrics)
        for each in models
        if isinstance(each.model, TransformersModel)
        for task, metrics in _results(config, each.spec["model"], each.model, tasks, stored).items()
    ]


def _results(
    config: Config, identity: Any, model: TransformersModel, tasks: Sequence[str], stored: bool
) -> dict[str, dict[str, float]]:
    """Return the metrics of each task, from their file if it exists."""
    name = key("harness", identity, list(tasks), version("lm_eval"))
    file = config.out / "harness" / f"{name}.json"
    if stored and not file.exists():
        return {}
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(".partial")
        unfinished.write_text(json.dumps(_measure(model, tasks)), encoding="utf-8")
        unfinished.replace(file)
    found: dict[str, dict[str, float]] = json.loads(file.read_text(encoding="utf-8"))
    return found


def _measure(model: TransformersModel, tasks: Sequence[str]) -> dict[str, dict[str, float]]:
    from lm_eval import simple_evaluate

    arguments = {
        "pretrained": str(locate(model.path)),
        "dtype": model.dtype,
        "trust_remote_code": model.trust_remote_code,
    } | ({"revision": model.revision} if model.revision else {})
    device = None if model.device == "auto" else model.device
    found = simple_evaluate(
        "hf",
        model_args=arguments,
        tasks=list(tasks),
        device=device,
        batch_size=model.batch,
        apply_chat_template=True,
        log_samples=False,
        bootstrap_iters=0,
    )
    # Metrics are named with their filter, as in "acc,none"; names without a comma are not metrics.
    return {
        task: {name: value for name, value in results.items() if "," in name and isinstance(value, int | float)}
        for task, results in found["results"].items()
    }

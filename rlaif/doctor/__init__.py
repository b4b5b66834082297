"""Checks before a run that a pipeline has everything it needs; each finding says how to fix it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rlaif.config import AnthropicModel, Config, OpenAIModel
from rlaif.core import event_loop
from rlaif.doctor import checkpoints, files, machine, servers
from rlaif.doctor.check import Check
from rlaif.doctor.fit import Limits, fits
from rlaif.doctor.needs import needs
from rlaif.pipeline.resolve import resolve

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Check", "examine", "exit_code", "render"]


def examine(config: Config) -> list[Check]:
    """Return all findings. Sends a few small requests to each served model that the pipeline uses; writes nothing."""
    plan = resolve(config)
    checks = [*machine.software(config), *files.files(plan), *machine.place(config)]
    limits: Limits = {}
    for name in plan.models:
        model = config.pipeline.models[name]
        if isinstance(model, OpenAIModel | AnthropicModel):
            found, limit = event_loop.run(servers.examine(name, model, needs(plan, name)))
        else:
            found, limit = checkpoints.examine(name, model, config.file.where(("models", name)))
        checks += found
        limits[name] = limit
    with files.prompts(config) as (found, store):
        return checks + found + (fits(plan, store, limits) if store else [])


def exit_code(checks: Sequence[Check]) -> int:
    """Return 0 if nothing failed, 6 if a model is not ready, else 2."""
    failed = [check for check in checks if check.outcome == "fail"]
    if not failed:
        return 0
    return 6 if any(check.of_model for check in failed) else 2


def render(checks: Sequence[Check], console: "Console") -> None:
    """Print each finding on one line, with its fix on the next."""
    colours = {"ok": "green", "warn": "yellow", "fail": "red"}
    for check in checks:
        console.print(f"{check.outcome:4}", style=colours[check.outcome], end="  ")
        console.print(f"{check.name}: {check.message}", markup=False, soft_wrap=True)
        if check.fix:
            console.print(f"      {check.fix}", markup=False, soft_wrap=True)

"""Plans of pipelines, and how many requests they name for each stage."""

from pathlib import Path

from rlaif import pipeline as run
from rlaif.config import load
from rlaif.estimate import Plan, plan


def planned(file: Path, *overrides: str, pilot: int = 0) -> Plan:
    with run.open_run(load(file, list(overrides))) as (resolved, context):
        return plan(resolved, context, pilot)


def asks(found: Plan) -> dict[str, int]:
    return {line.stage: line.requests for line in found.lines}

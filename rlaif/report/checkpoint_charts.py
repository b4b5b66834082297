"""Lays out the charts of a training's checkpoints: gains by judge, and what else changes over the steps."""

from collections.abc import Sequence

from rlaif.evaluation.checkpoint_curve import Checkpoint, CheckpointCurve
from rlaif.report.charts import lines
from rlaif.report.data import Curve

# Title and attribute of each further chart, and the factor to its unit. A chart whose values are all equal is left out.
DRIFTS = (
    ("Mean length, in words", "words", 1.0),
    ("KL divergence from the base, in nats a response", "k1", 1.0),
    ("Responses that open with flattery, in percent", "flattery", 100.0),
)


def checkpoint_charts(curve: CheckpointCurve) -> list[Curve]:
    """Return the charts for which there are values, the gains first."""
    return [*_gains(curve), *(found for drift in DRIFTS if (found := _drift(curve.checkpoints, *drift)))]


def _gains(curve: CheckpointCurve) -> list[Curve]:
    series: dict[str, list[tuple[int, float]]] = {}
    bands: dict[str, list[tuple[int, float, float]]] = {}
    for checkpoint in curve.checkpoints:
        for each in checkpoint.gains:
            if each.gain is not None:
                name = each.judge + (", the training judge" if each.judge in curve.training_judges else "")
                series.setdefault(name, []).append((checkpoint.step, each.gain))
                bands.setdefault(name, []).append((checkpoint.step, *(each.interval or (each.gain, each.gain))))
    # A judge that only compares gives no scores, so it has the base's gain only.
    measured = {name: points for name, points in series.items() if len(points) > 1}
    known = {name: bands[name] for name in measured}
    return [Curve("Gain over the base, in points of 100", lines(measured, intervals=known))] if measured else []


def _drift(checkpoints: Sequence[Checkpoint], title: str, name: str, factor: float) -> Curve | None:
    found = [(each.step, getattr(each, name)) for each in checkpoints]
    points = [(step, factor * value) for step, value in found if value is not None]
    varies = len({value for _, value in points}) > 1
    return Curve(title, lines({title: points}, intervals={})) if varies else None

"""The page about runs: progress, rate and cost, the work of each run, and trainings side by side."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import PurePath

from starlette.requests import Request
from starlette.responses import Response

from rlaif.context.spending import money, spent_in_all
from rlaif.evaluation import Evaluation, Match
from rlaif.report.data import CURVES
from rlaif.store.store import Row, Store
from rlaif.view.progress import Clock
from rlaif.view.site import Site

# Metrics of a training that are shown beside those of others, by the first name that it logged.
METRICS = {title: names for title, names, _ in CURVES if not any(name.startswith("logps/") for name in names)}

# The last value of each metric of each training; `#steps` is the number of its last step.
_LAST_METRICS = """
    SELECT training, metric, arg_max(value, step) AS value FROM training_log WHERE isfinite(value) GROUP BY training, metric
    UNION ALL SELECT training, '#steps', max(step) FROM training_log GROUP BY training
"""


def show(site: Site, clock: Clock, request: Request) -> Response:
    """Return the page."""
    config = site.subject.config
    with site.access.reading() as store:
        counts = {row["what"]: row["rows"] for row in store.query("pipeline/sql/status/counts")}
        progress = clock.read(store)
        work = store.query("view/sql/work")
        failures = store.query("pipeline/sql/status/failures")
        spent = [asdict(row) | {"cost": money(row.usd, row.price)} for row in spent_in_all(store, config)]
        trainings = read_trainings(store)
    known = [row["usd"] for row in spent if row["usd"] is not None]
    return site.html(
        "runs.html.jinja",
        tab="runs",
        counts=counts,
        progress=progress,
        work=work,
        failures=failures,
        spent=spent,
        total=money(sum(known)) if any(known) else None,
        trainings=trainings,
        metrics=[title for title in METRICS if any(title in row["metrics"] for row in trainings)],
    )


def evaluation(site: Site, request: Request) -> Response:
    """Return the results of the evaluation, from stored scores."""
    with site.access.reading() as store:
        found = site.subject.evaluate(store)
    return site.html("evaluation.html.part.jinja", evaluation=found, ranked=rank(found), judges=judges_of(found))


def judges_of(found: Evaluation) -> list[str]:
    """Return the judges of an evaluation in their order."""
    return list(dict.fromkeys(match.judge for match in found.matches))


def rank(found: Evaluation) -> list[tuple[str, Mapping[str, Match]]]:
    """Return the compared models by name, each with its matches by judge: the highest win rate by the first judge first."""
    models: dict[str, dict[str, Match]] = {}
    for match in found.matches:
        models.setdefault(match.trained.name, {})[match.judge] = match

    def rates(matches: Mapping[str, Match]) -> list[float]:
        found_rates = [matches[judge].win_rate if judge in matches else None for judge in judges_of(found)]
        return [-1.0 if rate is None else rate for rate in found_rates]

    return sorted(models.items(), key=lambda item: rates(item[1]), reverse=True)


def read_trainings(store: Store) -> list[Row]:
    """Return the trainings, newest first, each with the last value of its metrics by title."""
    last: dict[str, dict[str, float]] = {}
    for row in store.query(_LAST_METRICS):
        last.setdefault(row["training"], {})[row["metric"]] = row["value"]
    found = []
    for row in store.query("view/sql/trainings"):
        logged, spec = last.get(row["key"], {}), json.loads(row["spec"] or "{}")
        metrics = {
            title: next(logged[name] for name in names if name in logged)
            for title, names in METRICS.items()
            if any(name in logged for name in names)
        }
        options = spec.get("options") if isinstance(spec.get("options"), dict) else {}
        found.append(
            row
            | {
                "metrics": metrics,
                "name": PurePath(row["path"] or "").name,
                "rows": spec.get("rows"),
                "options": options,
                "steps": logged.get("#steps"),
            }
        )
    return found

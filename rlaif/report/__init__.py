"""Renders the report: one self-contained HTML page about the run, the quality of its labels, and the effect of training.

The report shows what the store contains and works at any stage of a run.

Text from models, users and data sets is untrusted: Jinja escapes it, `text.visible` makes hidden and reordering characters
visible, and the page's content security policy forbids it to load or run anything.
"""

import os
import shlex
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from rlaif import __version__
from rlaif.config import Pipeline
from rlaif.config.redaction import config_text
from rlaif.context.run import now
from rlaif.context.spending import Spent, money, spent, total_cost
from rlaif.core.text import FILTERS, visible
from rlaif.evaluation import Agreement, Evaluation
from rlaif.evaluation.table import checkpoint_note
from rlaif.report import data, verdict
from rlaif.report.charts import HEIGHT
from rlaif.report.checkpoint_charts import checkpoint_charts
from rlaif.report.labels import label_cells
from rlaif.store.store import Store

PAGE = Path(__file__).parent / "page"
# The queries that the page shows as they are, by its names for them.
_QUERIES = {
    "dropped": """
        SELECT what, reason, count(*) AS n FROM dropped WHERE what <> 'prompt'
        GROUP BY what, reason ORDER BY what, n DESC, reason
    """,
    "compared": "report/sql/comparisons",
    "generators": "report/sql/generators",
    "work": "report/sql/stage_runs",
    "remarks": "pipeline/sql/status/server_observations",
}


def write(
    store: Store,
    pipeline: Pipeline,
    path: Path,
    *,
    evaluation: Evaluation | None = None,
    elsewhere: Sequence[Spent] = (),
    agreements: Sequence[Agreement] = (),
    file: str = "FILE",
) -> None:
    """Write the report to `path` atomically. Costs from `elsewhere` are listed with those in the store.

    `file` is the pipeline file as commands name it. If the same folder contains an audit page, the report links to it.
    """
    audit = "audit.html" if path.with_name("audit.html").exists() else None
    page = render(store, pipeline, evaluation=evaluation, elsewhere=elsewhere, agreements=agreements, audit=audit, file=file)
    put(page, path)


def put(page: str, path: Path) -> None:
    """Write a page to `path` atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_text(page, encoding="utf-8")
    unfinished.replace(path)


def render(
    store: Store,
    pipeline: Pipeline,
    *,
    evaluation: Evaluation | None = None,
    elsewhere: Sequence[Spent] = (),
    agreements: Sequence[Agreement] = (),
    audit: str | None = None,
    file: str = "FILE",
) -> str:
    """Return the page as text."""
    store.execute("report/sql/views")
    funnel, pairs, training = data.read_funnel(store, pipeline), data.read_pairs(store), data.read_training(store)
    costs, template = [*spent(store, pipeline), *elsewhere], environment().get_template("report.html.jinja")
    next_step = verdict.next_step(
        pipeline, begun=bool(funnel), paired=pairs is not None, trained=training is not None, audited=audit is not None
    )
    return label_cells(
        template.render(
            pipeline=pipeline,
            version=__version__,
            written=now(),
            style=style(),
            who=data.read_who(pipeline),
            funnel=funnel,
            verdict=verdict.read_verdict(funnel, pairs, store.query("report/sql/repeats"), audit),
            next=next_step.replace("FILE", shlex.quote(file)),
            cost=total_cost(costs),
            **{name: store.query(query) for name, query in _QUERIES.items()},
            judged=data.read_opinions(store),
            parts=data.read_parts(store, evaluation.matches if evaluation else ()),
            pairs=pairs,
            training=training,
            rounds=store.query("report/sql/rounds") if pipeline.rounds else [],
            curves=data.read_curves(store),
            evaluation=evaluation or Evaluation(),
            checkpoint_charts=checkpoint_charts(evaluation.curve) if evaluation and evaluation.curve else [],
            checkpoint_note=checkpoint_note(evaluation.curve) if evaluation and evaluation.curve else "",
            agreements=agreements,
            audit=audit,
            examples=data.read_examples(store),
            spent=costs,
            config=config_text(pipeline),
            tones=("one", "two", "three", "four"),
            file=shlex.quote(file),
        )
    )


def style() -> Markup:
    """Return the style sheet of all pages."""
    return Markup((PAGE / "style.css").read_text(encoding="utf-8"))


@cache
def environment(*folders: Path) -> Environment:
    """Return a Jinja environment for templates in these folders and the report's; it escapes all values."""
    environment = Environment(
        loader=FileSystemLoader([*folders, PAGE]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    environment.globals["height"] = HEIGHT
    environment.filters["money"] = money
    return environment

"""The report: one self-contained HTML page that says what happened, whether the labels can be trusted and whether
training helped. It shows what the store has; a run that is not finished gives a report that says so.

Everything that a model, a user or a data set wrote is untrusted: Jinja escapes it, `text.visible` shows what would hide
or reorder text, and the page forbids itself to load or run anything.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from rlaif import __version__
from rlaif.config import Pipeline
from rlaif.config.redaction import config_text
from rlaif.context.run import now
from rlaif.context.spending import Spent, money, spent
from rlaif.core.text import FILTERS, visible
from rlaif.evaluation import Agreement, Evaluation
from rlaif.report import data
from rlaif.report.charts import HEIGHT
from rlaif.store.store import Store

PAGE = Path(__file__).parent / "page"
# Rows of the sources that became no response, score or preference, by reason.
DROPPED = """
    SELECT what, reason, count(*) AS n FROM dropped WHERE what <> 'prompt'
    GROUP BY what, reason ORDER BY what, n DESC, reason
"""


def write(
    store: Store,
    pipeline: Pipeline,
    path: Path,
    *,
    evaluation: Evaluation | None = None,
    elsewhere: Sequence[Spent] = (),
    agreements: Sequence[Agreement] = (),
) -> None:
    """Writes the page to `path`, whole or not at all. What was spent `elsewhere` stands beside what the store has spent.

    The page of an audit, where there is one beside it, is linked.
    """
    audit = "audit.html" if path.with_name("audit.html").exists() else None
    page = render(store, pipeline, evaluation=evaluation, elsewhere=elsewhere, agreements=agreements, audit=audit)
    put(page, path)


def put(page: str, path: Path) -> None:
    """Writes a page to `path`, whole or not at all."""
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
) -> str:
    """The page as text."""
    store.execute("report/sql/views")
    return (
        environment()
        .get_template("report.html.jinja")
        .render(
            pipeline=pipeline,
            version=__version__,
            written=now(),
            style=style(),
            who=data.read_who(pipeline),
            funnel=data.read_funnel(store, pipeline),
            dropped=store.query(DROPPED),
            judged=data.read_opinions(store),
            compared=store.query("report/sql/comparisons"),
            pairs=data.read_pairs(store),
            training=data.read_training(store),
            rounds=store.query("report/sql/rounds") if pipeline.rounds else [],
            curves=data.read_curves(store),
            evaluation=evaluation or Evaluation(),
            agreements=agreements,
            audit=audit,
            examples=data.read_examples(store),
            work=store.query("report/sql/stage_runs"),
            remarks=store.query("pipeline/sql/status/server_observations"),
            spent=[*spent(store, pipeline), *elsewhere],
            config=config_text(pipeline),
            tones=("one", "two"),
        )
    )


def style() -> Markup:
    """The style sheet of all pages."""
    return Markup((PAGE / "style.css").read_text(encoding="utf-8"))


def environment(*folders: Path) -> Environment:
    """What renders pages from templates of these folders and the report's own: it escapes all that it is given."""
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

"""Checks of the files that a pipeline refers to: templates, rubrics, prompts."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from rlaif import pipeline
from rlaif.config import Config
from rlaif.context.budget import rate
from rlaif.context.run import Context
from rlaif.core.errors import InputError, RlaifError, StoreError
from rlaif.doctor.check import Check, fail, ok, warn
from rlaif.pipeline.plan import Plan
from rlaif.store.store import Store


def files(plan: Plan) -> list[Check]:
    """Report every template and rubric, and look up every price."""
    config = plan.config
    checks = [_try("generate", partial(_generate, plan))] if config.pipeline.generate else []
    checks += [_try(f"judge {name}", partial(_judge, plan, name)) for name in config.pipeline.judges]
    checks.append(_try("pairs", partial(_pairs, plan)))
    return checks + [_price(config, name) for name in plan.paid_models]


def _try(name: str, read: Callable[[], str]) -> Check:
    try:
        return ok(name, read())
    except StoreError as error:
        return warn(name, str(error))
    except InputError as error:
        return fail(name, f"{error.where}: {error.what}" if error.where else error.what, error.fix)


def _generate(plan: Plan) -> str:
    paths = dict.fromkeys(str(each.template.path) for each in plan.generators)
    return f"template {', '.join(paths)} is valid"


def _judge(plan: Plan, name: str) -> str:
    rubric = plan.judge(name).rubric
    return f"rubric {rubric.name} has {len(rubric.criteria)} criteria, and the template is valid"


def _pairs(plan: Plan) -> str:
    config = plan.config
    pipeline.check_judges(plan)
    if config.store_path.exists():
        with Store(config.store_path, read_only=True) as store:
            pipeline.check_scored(plan, Context(config, store))
    return "`judge` and `pair` are consistent"


def _price(config: Config, name: str) -> Check:
    try:
        found = rate(config, config.pipeline.models[name])
    except InputError as error:
        return fail(f"price of {name}", error.what, error.fix)
    if found is None:
        table = "" if find_spec("genai_prices") else ", or `pip install 'rlaif[prices]'`"
        fix = f"Set models.{name}.price: {{input: …, output: …}}{table}."
        return warn(f"price of {name}", "unknown, so `plan` cannot estimate the cost", fix)
    if found.source == "local":
        return ok(f"price of {name}", "local")
    return ok(f"price of {name}", f"${found.input:g} in, ${found.output:g} out per million tokens ({found.source})")


@contextmanager
def prompts(config: Config) -> Iterator[tuple[list[Check], Store | None]]:
    """Read the sources into a temporary store. Yields the findings and the store, or None if reading failed."""
    with TemporaryDirectory(prefix="rlaif-doctor-") as folder, Store(Path(folder) / "store.duckdb") as store:
        try:
            pipeline.collect(Context(config, store))
        except RlaifError as error:
            yield [fail("prompts", str(error))], None
            return
        holds = {row["what"]: row["rows"] for row in store.query("pipeline/sql/status/counts")}
        dropped = store.query("pipeline/sql/status/failures")
        less = f", {sum(row['rows'] for row in dropped):,} dropped" if dropped else ""
        yield [ok("prompts", f"{holds['prompts']:,} collected{less}")], store

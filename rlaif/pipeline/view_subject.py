"""Prepares a pipeline for the page in the browser."""

from rlaif.config import Config
from rlaif.context.run import Context
from rlaif.core.errors import InputError
from rlaif.evaluation import Evaluation
from rlaif.evaluation.audit.metrics import measure
from rlaif.evaluation.audit.types import Audit
from rlaif.pipeline import gold as standards
from rlaif.pipeline.judge_readiness import count_usable
from rlaif.pipeline.plan import Plan
from rlaif.pipeline.remaining import remaining
from rlaif.pipeline.resolve import resolve
from rlaif.pipeline.train_and_evaluate import evaluate
from rlaif.store.store import Store
from rlaif.view import Subject


def view_subject(config: Config) -> Subject:
    """Return the pipeline as the page needs it. Raises InputError if its `generate` section is wrong."""
    plan = resolve(config)
    _ = plan.generators

    def evaluated(store: Store) -> Evaluation:
        return evaluate(plan, Context(config, store), stored=True)

    def audited(store: Store) -> Audit:
        return _audit(plan, Context(config, store))

    return Subject(
        config, plan.generator_keys, plan.known_judge_keys(), audited, evaluated, lambda store: remaining(plan, store)
    )


def _audit(plan: Plan, context: Context) -> Audit:
    """Measure all judges with stored scores, imported ones included. Raises InputError if there are none."""
    store = context.store
    found = standards.gold(plan, store)
    gold = found if found and count_usable(plan, context, found)["usable"] else None
    imported = [str(row["name"]) for row in store.query("evaluation/audit/sql/people")]
    names = [name for name in dict.fromkeys([*plan.all_judges, *imported]) if name != gold]
    judges = [standards.audited(plan, store, name) for name in names if count_usable(plan, context, name)["usable"]]
    if not judges:
        raise InputError("nothing to measure", where="audit", fix=f"Run `{context.config.command('judge')}` first.")
    return measure(store, judges, standards.audited(plan, store, gold) if gold else None, plan.generator_keys(store))

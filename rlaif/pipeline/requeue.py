"""Make failed items pending again on demand: their attempts so far no longer count, and the next run retries them."""

from collections.abc import Sequence

from rlaif.config.yaml import did_you_mean
from rlaif.context.run import Context
from rlaif.core.errors import TERMINAL, TRANSIENT, InputError
from rlaif.pipeline.evaluated_models import trained_generator
from rlaif.pipeline.plan import Plan
from rlaif.store.store import Row

# These are answers: repeating the request until the answer changes would bias the data.
ANSWERS = frozenset({"refused", "inapplicable"})


def retry(plan: Plan, context: Context, kinds: Sequence[str] = ()) -> list[Row]:
    """Make the pipeline's failed responses, scores, comparisons and notes pending again; return how many of each kind.

    Without `kinds`, all kinds except refusals and inapplicable criteria. Raises InputError for an unknown kind.
    """
    known = sorted(TRANSIENT | TERMINAL)
    for kind in kinds:
        if kind not in known:
            raise InputError(f"unknown failure kind {kind!r}", where="--kind", fix=did_you_mean(kind, known))
    judges = [plan.judge(name).key for name in plan.all_judges]
    trained = trained_generator(plan, context)
    makers = [*plan.generator_keys(context.store), *judges, *([trained.key] if trained else [])]
    wanted = {"makers": makers, "kinds": list(kinds) or sorted(set(known) - ANSWERS)}
    found = context.store.query("pipeline/sql/requeue/failed_units", **wanted)
    context.store.execute("pipeline/sql/requeue/requeue", **wanted)
    return found

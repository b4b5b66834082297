"""Make failed items pending again on demand: their attempts so far no longer count, and the next run retries them."""

from collections.abc import Sequence
from typing import Final

from rlaif.config.yaml import did_you_mean
from rlaif.context.run import Context
from rlaif.core.errors import TERMINAL, TRANSIENT, InputError
from rlaif.pipeline.evaluated_models import kept_checkpoints, trained_generator
from rlaif.pipeline.plan import Plan
from rlaif.store.store import Row

# Units of these $makers (generators and judges) that failed in one of these $kinds and have been tried since they were
# last requeued.
_FAILED_UNITS: Final = """
    SELECT what, failure AS kind, count(*) AS units
    FROM failed_units
    WHERE list_contains($makers::VARCHAR[], maker) AND list_contains($kinds::VARCHAR[], failure) AND attempts > forgiven
    GROUP BY what, failure
    ORDER BY what, failure
"""
# Makes pending again what `failed_units` counts.
_REQUEUE: Final = """
    INSERT INTO retries BY NAME
    SELECT unit, attempts
    FROM failed_units
    WHERE list_contains($makers::VARCHAR[], maker) AND list_contains($kinds::VARCHAR[], failure) AND attempts > forgiven;
"""
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
    kept = [each.generator.key for each in kept_checkpoints(trained)]
    makers = [*plan.generator_keys(context.store), *judges, *([trained.key] if trained else []), *kept]
    wanted = {"makers": makers, "kinds": list(kinds) or sorted(set(known) - ANSWERS)}
    found = context.store.query(_FAILED_UNITS, **wanted)
    context.store.execute(_REQUEUE, **wanted)
    return found

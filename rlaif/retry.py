"""What failed for good is owed again, on demand: its attempts so far count no more, and the next run asks."""

from collections.abc import Sequence

from rlaif import roles
from rlaif.context import Context
from rlaif.errors import TERMINAL, TRANSIENT, InputError
from rlaif.store import Row
from rlaif.yaml_file import did_you_mean

# Asked again until they say something else, these would choose what is said; and they are answers as they are.
ANSWERS = frozenset({"refused", "inapplicable"})


def retry(context: Context, kinds: Sequence[str] = ()) -> list[Row]:
    """Owes the pipeline's failed responses, scores, comparisons and notes again: what, kind and how many of each.

    All kinds but refusals and what a criterion does not apply to, or those of `kinds`. Raises InputError for a kind that is
    none.
    """
    known = sorted(TRANSIENT | TERMINAL)
    for kind in kinds:
        if kind not in known:
            raise InputError(f"no failure is of the kind {kind!r}", where="--kind", fix=did_you_mean(kind, known))
    config = context.config
    judges = [roles.named_judge(config, name).key for name in roles.all_judges(config)]
    trained = roles.trained_generator(context)
    makers = [*roles.generators(config), *judges, *([trained.key] if trained else [])]
    wanted = {"makers": makers, "kinds": list(kinds) or sorted(set(known) - ANSWERS)}
    found = context.store.query("retry/found", **wanted)
    context.store.execute("retry/owe", **wanted)
    return found

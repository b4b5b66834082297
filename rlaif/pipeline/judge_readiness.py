"""Describe what judges have judged, for commands that compare judges and find nothing to compare."""

from rlaif.context.run import Context
from rlaif.core.errors import InputError
from rlaif.evaluation import Agreement, agreement
from rlaif.pipeline.plan import Plan
from rlaif.pipeline.readiness import need_responses
from rlaif.store.store import Row


def count_usable(plan: Plan, context: Context, name: str) -> Row:
    """Return how many responses to pair there are, and how many of them a judge has tried and has judged usably."""
    key = plan.judge_key(context.store, name)
    return context.store.query("pairs/sql/usable", judge=key, generators=plan.generator_keys(context.store))[0]


def describe_judged(plan: Plan, context: Context, name: str) -> str:
    """Describe how many of the responses a judge has judged, as a clause."""
    row = count_usable(plan, context, name)
    if not row["tried"]:
        return f"{name} has judged none of {row['responses']:,} responses"
    if not row["usable"]:
        return f"{name} has no usable verdict, because all {row['tried']:,} that it tried failed ({row['failure']})"
    return f"{name} has judged {row['usable']:,} of {row['responses']:,} responses"


def advise(plan: Plan, context: Context, *names: str) -> str:
    """Return the commands that give usable verdicts to those of these judges that have none."""
    config, commands = context.config, []
    for name in names:
        row = count_usable(plan, context, name)
        if row["usable"]:
            continue
        if name.startswith("human:"):
            commands.append(f"`{config.command('label', '--by', name.removeprefix('human:'))}`")
        elif name in config.pipeline.judges and not row["tried"]:
            commands.append(f"`{config.command('judge', '--judge', name)}`")
        elif name in config.pipeline.judges:
            commands.append(f"`{config.command('retry')}` and `{config.command('judge', '--judge', name)}`")
    if commands:
        return f"Run {', '.join(commands)} first."
    return "They judged different responses, or by criteria that cannot be compared."


def agreement_between(plan: Plan, context: Context, first: str, second: str) -> Agreement:
    """Return the agreement of two judges (names). Raises InputError if they have no scores or comparisons in common."""
    keys = [plan.judge_key(context.store, name) for name in (first, second)]
    need_responses(plan, context)
    if keys[0] == keys[1]:
        raise InputError(f"{first} and {second} are one judge", where="agree", fix="Name two different judges.")
    found = agreement(context.store, *keys)
    if found.criteria or found.pairs:
        return found
    states = ", and ".join(describe_judged(plan, context, name) for name in (first, second))
    raise InputError(
        f"{first} and {second} have no scores in common: {states}",
        where="agree",
        fix=advise(plan, context, first, second),
    )

"""The end of a run in a few figures: what it made, took and cost, and the command to run next."""

import time

from rlaif.context.run import Context
from rlaif.context.spending import spent_in_all, total_cost
from rlaif.context.summary import Summary
from rlaif.models.openai.inspector import RETRY
from rlaif.report.verdict import next_step


def summarize(context: Context, pairs: int | None, started: float) -> Summary:
    """Return the figures of a run that began at `started` (`time.monotonic`) and ended with so many `pairs`.

    `pairs` is None for a pipeline that makes none.
    """
    config, store = context.config, context.store
    retries = store.query(
        "SELECT value, sum(times)::BIGINT AS times FROM server_observations WHERE run = $run AND remark = $remark "
        "GROUP BY value ORDER BY times DESC, value",
        run=context.run,
        remark=RETRY,
    )
    return Summary(
        pairs,
        time.monotonic() - started,
        total_cost(spent_in_all(store, config)),
        {row["value"]: row["times"] for row in retries},
        _next(context, pairs),
    )


def _next(context: Context, pairs: int | None) -> str:
    config = context.config
    if not pairs:
        # The page shows each prompt with the reason why it has no pair.
        return config.command("view")
    audited = (config.out / "audit.html").exists()
    _, verb, _, *rest = next_step(config.pipeline, begun=True, paired=True, trained=True, audited=audited).split()
    return config.command(verb, *rest)

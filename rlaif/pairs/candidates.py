"""Prepares the tables that strategies read: candidates with points and texts; and computes the confidence of pairs."""

from typing import Final

from rlaif.pairs.bradley_terry import strengths
from rlaif.pairs.weights import threshold
from rlaif.store.store import Row, Store

# Stores the combined scores of several judges, to show later what these pairs were made from.
_STORE_MIXED: Final = """
    INSERT INTO mixed
    SELECT $pairing, scored.criterion, scored.answer, scored.score FROM scored
"""
# A part of `contests`, to bound memory.
_NEXT_PROMPTS: Final = """
    SELECT judge, criterion, bouts FROM contests WHERE place > $begin AND place <= $end ORDER BY place
"""
# The strengths that were fitted for a pairing.
_FITTED: Final = """
    CREATE OR REPLACE TEMP TABLE fitted AS
    SELECT judge, criterion, answer, points, score, spread FROM strengths WHERE pairing = $pairing
"""
# Whether one of these $judges has an expected value for some of its scores by a criterion and none for others.
_PARTLY_EXPECTED: Final = """
    SELECT judge FROM scores
    WHERE value IS NOT NULL AND judge IN (SELECT unnest($judges::VARCHAR[]))
        AND EXISTS (SELECT 1 FROM scores WHERE expected IS NOT NULL)
    GROUP BY judge, criterion HAVING count(expected) NOT IN (0, count(*))
    LIMIT 1
"""
# The scores of the judges, one row per repeat: the expected value over the score's tokens if the reply had their
# probabilities, otherwise the plain value.
_EXPECTED_SCORES: Final = """
    CREATE OR REPLACE TEMP VIEW effective_scores AS
    SELECT answer, judge, criterion, coalesce(expected, value) AS score, spread FROM scores WHERE value IS NOT NULL
"""
# The comparisons that pairs are made from, as stored. If several voters are mixed, `ballots_mixed` replaces this view.
_STORED_VOTES: Final = """
    CREATE OR REPLACE TEMP VIEW ballots AS
    SELECT prompt, first, second, judge, criterion, preferred, verdict, repeat, probability FROM comparisons
"""
# The score of each answer by each criterion of the pairing's judge, with its weight, if the judge scored everything
# once, so that no mean is needed. `spread` is the standard deviation over the judge's score tokens; a program's score
# has no such tokens and is exact.
_SINGLE_SCORES: Final = """
    CREATE OR REPLACE TEMP VIEW averaged AS
    SELECT answer, weighed.*, score, if(exact, 0, spread)::DECIMAL(18, 6) AS spread
    FROM effective_scores AS scores JOIN weighed ON weighed.criterion = scores.criterion AND weighed.judge = scores.judge
"""
# The same if the judge also compared: strengths from comparisons are scores like any other.
_SCORES_AND_STRENGTHS: Final = """
    CREATE OR REPLACE TEMP VIEW scored AS
    FROM averaged
    UNION ALL
    SELECT answer, weighed.*, score, fitted.spread
    FROM fitted JOIN weighed ON weighed.criterion = fitted.criterion AND weighed.judge = fitted.judge
"""
# The same for a judge that gives votes that came with the data: points are the strengths that were fitted to them.
_POINTS_OF_COMPARISONS: Final = """
    CREATE OR REPLACE TEMP VIEW answer_points AS
    SELECT hash(answer) AS digest, hash(substr(answer, 1, 15)) AS prefix, points, 0::UBIGINT AS bits,
        false AS below_floor, false AS repeated
    FROM fitted
"""
# Prompts whose comparisons are in memory at once: with eight answers each, some hundred megabytes.
_PROMPTS_AT_ONCE = 16_384


def gather(store: Store, values: Row) -> None:
    """Prepare the tables for a strategy: the responses that may enter pairs, with their points, scores and texts."""
    store.execute("pairs/sql/weighed", **values)
    store.execute("pairs/sql/panel", **values)
    store.execute(
        "pairs/sql/effective_scores_partial_logprobs" if store.query(_PARTLY_EXPECTED, **values) else _EXPECTED_SCORES,
        **values,
    )
    store.execute("pairs/sql/ballots_mixed" if values["mix"] and values["compared"] else _STORED_VOTES, **values)
    _scale_votes(store, values)
    _fit(store, values)
    if values["mix"] and not values["compared"]:
        _mix(store, values)
    else:
        store.execute(_SINGLE_SCORES)
        store.execute(
            _SCORES_AND_STRENGTHS
            if store.query("SELECT 1 AS compared FROM bouts LIMIT 1")
            else "CREATE OR REPLACE TEMP VIEW scored AS FROM averaged"
        )
        store.execute(_POINTS_OF_COMPARISONS if values["compared"] else values["points"])
    store.execute("pairs/sql/answers", **values)
    if store.query("SELECT 1 AS repeated FROM answers WHERE repeated LIMIT 1"):
        # Repeats are rare and take several times the work: their means have to be taken before the points.
        store.execute("pairs/sql/mean_repeats")
        store.execute("pairs/sql/answers", **values)
    store.execute("pairs/sql/same_texts")
    store.execute("CREATE OR REPLACE TEMP TABLE filtered (prompt BIGINT, response BIGINT, reason VARCHAR)")
    store.execute("pairs/sql/views")


def add_confidence(store: Store, values: Row) -> None:
    """Compute the confidence of each pair."""
    store.execute("pairs/sql/pair_votes")
    if values["mix"] and not values["compared"]:
        if values["mix"] != "cascade":
            store.execute("pairs/sql/mix_pair_votes", **values)
    elif store.query("SELECT 1 AS compared FROM bouts LIMIT 1"):
        store.execute("pairs/sql/own_pair_votes", **values)
    if values["agree"]:
        store.execute("pairs/sql/other_pair_votes", **values)
    store.execute("pairs/sql/pair_confidence", **values)


def _scale_votes(store: Store, values: Row) -> None:
    """Scale margins by the strengths of imported votes, if the strategy is `votes` and they have any."""
    values["scaled"] = (
        values["compared"]
        and values["strategy"] == "votes"
        and bool(
            store.query(
                "SELECT 1 AS graded FROM ballots WHERE judge = $judge AND verdict IS NULL "
                "AND probability IS NOT NULL LIMIT 1",
                **values,
            )
        )
    )
    if values["scaled"]:
        values["threshold"] = threshold(values["min_margin"], 1)


def _mix(store: Store, values: Row) -> None:
    """Combine the scores of several judges into one per answer and criterion."""
    store.execute("pairs/sql/rescaled_scores", **values)
    store.execute("pairs/sql/totals", **values)
    store.execute(
        {"cascade": "pairs/sql/mix_last", "median": "pairs/sql/mix_median"}.get(values["mix"], "pairs/sql/mix_mean")
    )
    store.execute("pairs/sql/points_of_majority" if values["mix"] == "majority" else values["points"])
    store.execute(_STORE_MIXED, **values)


def _fit(store: Store, values: Row) -> None:
    """Fit strengths to the comparisons."""
    store.execute("pairs/sql/comparisons_by_prompt", **values)
    begin, end = 0, _PROMPTS_AT_ONCE
    while contests := store.query(_NEXT_PROMPTS, begin=begin, end=end):
        store.append("strengths", [row | {"pairing": values["pairing"]} for row in strengths(contests)])
        begin, end = end, end + _PROMPTS_AT_ONCE
    store.execute(_FITTED, **values)

"""The queries for the history of one prompt."""

from typing import Final

_FOUND: Final = """
    WITH found AS MATERIALIZED (
        SELECT key, messages, document, reference, checklist, metadata, source, position
        FROM prompts WHERE {condition} ORDER BY position LIMIT 5
    )
    SELECT key, messages, document, reference, checklist, metadata, source,
        key IN (SELECT prompt FROM active_prompts WHERE prompt IN (SELECT key FROM found)) AS in_play
    FROM found ORDER BY position
"""
# The prompt with the key $prefix.
PROMPT: Final = _FOUND.format(condition="key = $prefix")
# Prompts whose key starts with $prefix, or that have a response or an exported pair (pair_id) with exactly that key: at
# most five, in order of collection.
PROMPTS: Final = _FOUND.format(
    condition="""starts_with(key, $prefix) OR key IN (SELECT prompt FROM responses WHERE responses.key = $prefix)
        OR key IN (SELECT prompt FROM pairs WHERE md5(chosen || rejected) = $prefix)"""
)
# One prompt as it was sent to each generator.
RENDERED_PROMPTS: Final = """
    SELECT coalesce(names.name, rendered_prompts.generator) AS generator, rendered_prompts.messages
    FROM rendered_prompts
    LEFT JOIN generator_names AS names ON names.key = rendered_prompts.generator
    WHERE rendered_prompts.prompt = $prompt
    ORDER BY generator
"""
# All responses to one prompt, including failed attempts.
RESPONSES: Final = """
    SELECT responses.key, coalesce(names.name, generator) AS generator, sample, answer, text, reasoning, finish,
        prompt_tokens, output_tokens, logprob, coalesce(attempt, 0) AS attempt, failure, detail
    FROM responses
    LEFT JOIN generator_names AS names ON names.key = responses.generator
    WHERE prompt = $prompt
    ORDER BY responses.rowid, generator, sample, attempt
"""
# All verdicts on responses to one prompt, by judge.
VERDICTS: Final = """
    SELECT verdicts.key, verdicts.answer, judge, repeat, attempt, raw, reasoning, failure, detail
    FROM verdicts
    SEMI JOIN (
        SELECT answer FROM responses WHERE prompt = $prompt AND failure IS NULL
    ) AS mine ON mine.answer = verdicts.answer
    ORDER BY judge, repeat, attempt, verdicts.rowid
"""
# All scores of responses to one prompt, with the verdict that each was parsed from.
SCORES: Final = """
    SELECT scores.verdict, coalesce(criteria.name, criterion) AS criterion,
        value::DOUBLE AS value, expected::DOUBLE AS expected, spread::DOUBLE AS spread, criteria.low, criteria.high,
        rationale, failure
    FROM scores
    SEMI JOIN (
        SELECT answer FROM responses WHERE prompt = $prompt AND failure IS NULL
    ) AS mine ON mine.answer = scores.answer
    LEFT JOIN criteria ON criteria.key = scores.criterion
    ORDER BY criteria.name, scores.criterion
"""
# Claims, key points and checklist items that judges checked in the responses to one prompt, by verdict.
FINDINGS: Final = """
    SELECT verdict, coalesce(criteria.name, criterion) AS criterion, text, outcome, rationale
    FROM findings
    SEMI JOIN (
        SELECT answer FROM responses WHERE prompt = $prompt AND failure IS NULL
    ) AS mine ON mine.answer = findings.answer
    LEFT JOIN (SELECT key, min(name) AS name FROM criteria GROUP BY key) AS criteria ON criteria.key = findings.criterion
    ORDER BY verdict, position
"""
# Judges' notes (key points, checklist items) on one prompt, one row per attempt.
NOTES: Final = """
    SELECT judge, coalesce(criteria.name, criterion) AS criterion, texts, failure, detail
    FROM notes
    LEFT JOIN (SELECT key, min(name) AS name FROM criteria GROUP BY key) AS criteria ON criteria.key = notes.criterion
    WHERE prompt = $prompt
    ORDER BY judge, criteria.name, criterion, notes.rowid
"""
# All comparisons of responses to one prompt, with the judge's reply if a model made the comparison.
COMPARISONS: Final = """
    SELECT comparisons.judge, coalesce(criteria.name, criterion) AS criterion, first, second,
        preferred, probability::DOUBLE AS probability, rationale, comparisons.failure, raw, detail
    FROM comparisons
    LEFT JOIN verdicts ON verdicts.key = comparisons.verdict
    LEFT JOIN (SELECT key, max(name) AS name FROM criteria GROUP BY key) AS criteria ON criteria.key = comparisons.criterion
    WHERE prompt = $prompt
    ORDER BY ALL
"""
# Pairings that include one prompt, newest first; `judges` are in the pairing's order.
PAIRINGS: Final = """
    SELECT pairings.key, strftime(created, '%Y-%m-%d %H:%M:%S') AS created, coalesce(spec ->> '$.strategy', '') AS strategy,
        coalesce(judges, []) AS judges, mix
    FROM pairings
    LEFT JOIN (
        SELECT pairing, list(judge ORDER BY place) AS judges, any_value(mix) AS mix FROM pairing_judges GROUP BY pairing
    ) AS theirs ON theirs.pairing = pairings.key
    SEMI JOIN (SELECT pairing FROM reasons WHERE prompt = $prompt) AS mine ON mine.pairing = pairings.key
    ORDER BY pairings.number DESC NULLS LAST, pairings.rowid DESC
"""
# Pairs of one prompt, by pairing, largest margin first.
PAIRS: Final = """
    SELECT pairing, chosen, rejected, margin::DOUBLE AS margin, confidence
    FROM pairs WHERE prompt = $prompt
    ORDER BY pairing, pairs.margin DESC, chosen, rejected
"""
# Which judge of a cascade passed the prompt on to which.
ESCALATIONS: Final = """
    SELECT before, judge, lead::DOUBLE AS lead FROM cascade_escalations WHERE prompt = $prompt ORDER BY rowid
"""
# The rows of the view `outcomes` for one prompt, which the view would find only after all others.
OUTCOMES: Final = """
    WITH mine AS (FROM pairs WHERE prompt = $prompt),
    sides AS (
        SELECT pairing, chosen AS response, 'chosen' AS side FROM mine
        UNION ALL SELECT pairing, rejected, 'rejected' FROM mine
    ),
    given AS (FROM reasons WHERE prompt = $prompt)
    SELECT pairing, response, reason AS outcome FROM given
    UNION ALL
    SELECT pairing, response, if(min(side) = max(side), min(side), 'chosen and rejected')
    FROM sides GROUP BY pairing, response
    UNION ALL
    SELECT whole.pairing, responses.key,
        if(whole.reason = 'paired', 'not selected by the strategy', 'prompt without a pair: ' || whole.reason)
    FROM given AS whole
    JOIN (
        SELECT key, number, unnest(json_extract_string(spec, '$.generators[*]')) AS generator FROM pairings
    ) AS pairings ON pairings.key = whole.pairing
    JOIN (FROM responses WHERE prompt = $prompt AND failure IS NULL) AS responses
        ON responses.generator = pairings.generator AND coalesce(responses.kept_after < pairings.number, true)
    ANTI JOIN given AS own ON own.pairing = whole.pairing AND own.response = responses.key
    ANTI JOIN sides ON sides.pairing = whole.pairing AND sides.response = responses.key
    WHERE whole.response IS NULL AND whole.others > 0
"""

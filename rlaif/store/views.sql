-- The views that stages, the report and users with SQL read.

-- The active prompts: those that the pipeline's sources hold now.
CREATE OR REPLACE VIEW current_prompts AS SELECT * FROM prompts SEMI JOIN active_prompts ON active_prompts.prompt = prompts.key;

-- What a judge can score: responses, and answers altered to mislead it, with `attack:JUDGE` as their generator.
CREATE OR REPLACE VIEW judgeable AS
SELECT prompt, answer, text, generator, sample, failure FROM responses
UNION ALL SELECT prompt, answer, text, 'attack:' || judge, 0, NULL FROM attacks;

-- Scores that can be compared only by their plain values, one row per answer. An expected 4.4 for one answer and a plain 4
-- for another may be the same verdict, so expected values are ignored if only some of a judge's replies about the answers to
-- a prompt, by one criterion, have them. Most judges give all or none, which the query finds without reading their answers.
CREATE OR REPLACE VIEW uneven_scores AS
SELECT judge, criterion, unnest(list_distinct(list(answer))) AS answer
FROM scores
SEMI JOIN (
    SELECT judge, criterion FROM scores WHERE value IS NOT NULL
    GROUP BY judge, criterion HAVING count(expected) NOT IN (0, count(*))
) AS partly USING (judge, criterion)
JOIN (SELECT prompt, answer FROM judgeable WHERE failure IS NULL) AS shown USING (answer)
WHERE value IS NOT NULL
GROUP BY judge, criterion, prompt HAVING count(expected) NOT IN (0, count(*));

-- One row per answer, judge and criterion: the mean score over repeats (expected values if all answers to the prompt have
-- them, otherwise plain ones), or the failure kind if no repeat has a value.
CREATE OR REPLACE VIEW latest_scores AS
SELECT scores.answer, scores.judge, scores.criterion,
    CAST(if(count(expected) = count(value) AND count(uneven.answer) = 0, sum(expected), sum(value)) / count(value)
        AS DECIMAL(18, 6)) AS score,
    CAST(sqrt(sum(spread * spread) FILTER (uneven.answer IS NULL)) / count(value) AS DECIMAL(18, 6)) AS spread,
    count(value) AS repeats,
    CASE WHEN count(value) = 0 THEN arg_max(failure, attempt) END AS failure,
    min(rationale) FILTER (value IS NOT NULL) AS rationale
FROM scores LEFT JOIN uneven_scores AS uneven
    ON uneven.answer = scores.answer AND uneven.judge = scores.judge AND uneven.criterion = scores.criterion
GROUP BY scores.answer, scores.judge, scores.criterion;

-- The current versions of generators: the `key` in use under each name. If none is recorded (a store that only an older
-- rlaif has filled, people), it is the one that was registered last. It is found by arg_max and not by a window, because
-- DuckDB 2.0.0 fails on windows over rowid in a view that is joined with itself. Generators of imported data are all current,
-- even if a sampled one has the same name.
CREATE OR REPLACE VIEW current_generators AS
SELECT name, key FROM in_use WHERE what = 'generator'
UNION
SELECT name, arg_max(key, generators.rowid) FROM generators ANTI JOIN (FROM in_use WHERE what = 'generator') AS used ON used.name = generators.name
GROUP BY name
UNION
SELECT name, key FROM generators WHERE spec = '{"kind": "imported"}';

-- The name of each generator (key): the last one if it had several.
CREATE OR REPLACE VIEW generator_names AS
SELECT key, arg_max(name, generators.rowid) AS name FROM generators GROUP BY key;

-- The same for judges.
CREATE OR REPLACE VIEW current_judges AS
SELECT name, key FROM in_use WHERE what = 'judge'
UNION
SELECT name, arg_max(key, judges.rowid) FROM judges ANTI JOIN (FROM in_use WHERE what = 'judge') AS used ON used.name = judges.name
GROUP BY name;

-- The current criteria of each judge, one row per judge (key) and criterion (key). If they are not recorded: of the criteria
-- of one name that a judge has scored by, the one that was registered last.
CREATE OR REPLACE VIEW current_criteria AS
SELECT key AS judge, criterion FROM in_use WHERE what = 'judge'
UNION
SELECT scored.judge, scored.criterion
FROM (SELECT DISTINCT judge, criterion FROM scores) AS scored
ANTI JOIN (FROM in_use WHERE what = 'judge') AS used ON used.key = scored.judge
LEFT JOIN (SELECT key, max(name) AS name, max(rowid) AS place FROM criteria GROUP BY key) AS criteria
    ON criteria.key = scored.criterion
QUALIFY row_number() OVER (PARTITION BY scored.judge, coalesce(criteria.name, scored.criterion) ORDER BY place DESC) = 1;

-- The pairing that was made last, or no row: "the newest pairing" means this one everywhere.
CREATE OR REPLACE VIEW newest_pairing AS SELECT * FROM pairings ORDER BY number DESC NULLS LAST, rowid DESC LIMIT 1;

-- The judges whose scores make a pairing, one row each, in their order; none if its strategy needs no judge. `mix` is how
-- several are combined, null for a single one.
CREATE OR REPLACE VIEW pairing_judges AS
SELECT pairing, place, list.judges[place] AS judge, coalesce(names.name, list.judges[place]) AS name, mix
FROM (
    SELECT key AS pairing, spec ->> '$.mix' AS mix, if((spec -> '$.judges') IS NULL, [spec ->> '$.judge'],
        json_extract_string(spec, '$.judges[*]')) AS judges
    FROM pairings
) AS list
CROSS JOIN LATERAL (SELECT unnest(range(1, len(list.judges) + 1)) AS place WHERE list.judges[1] IS NOT NULL)
LEFT JOIN (SELECT key, max(name) AS name FROM judges GROUP BY key) AS names ON names.key = list.judges[place];

-- One row per answer and criterion of a pairing: the score that the pairing weighs, by its judge or mixed from several
-- judges.
CREATE OR REPLACE VIEW paired_scores AS
SELECT pairings.key AS pairing, answer, criterion, score
FROM pairings JOIN latest_scores AS scores ON scores.judge = (pairings.spec ->> '$.judge')
WHERE (pairings.spec ->> '$.mix') IS NULL AND score IS NOT NULL
UNION ALL
SELECT pairing, strengths.answer, strengths.criterion, score
FROM strengths JOIN pairings ON pairings.key = strengths.pairing
    AND ((pairings.spec ->> '$.mix') IS NULL OR json_array_length(pairings.spec -> '$.criteria') = 0)
UNION ALL
SELECT pairing, answer, criterion, score FROM mixed;

-- The number of attempts at a unit that no longer count, because `rlaif retry` made it pending again.
CREATE OR REPLACE VIEW forgiven_attempts AS SELECT unit, max(attempts) AS attempts FROM retries GROUP BY unit;

-- One row per response, score, comparison or note that was tried without success: the generator or judge (`maker`), the last
-- failure, the number of attempts, and how many of these no longer count after `rlaif retry` (`forgiven`).
CREATE OR REPLACE VIEW failed_units AS
SELECT tried.*, coalesce(forgiven.attempts, 0) AS forgiven
FROM (
    SELECT 'response' AS what, key AS unit, generator AS maker, count(*) AS attempts, arg_max(failure, attempt) AS failure
    FROM responses GROUP BY key, generator HAVING bool_and(failure IS NOT NULL)
    UNION ALL
    SELECT 'score', concat_ws('/', answer, judge, criterion, repeat), judge, count(*), arg_max(failure, attempt)
    FROM scores GROUP BY answer, judge, criterion, repeat HAVING count(value) = 0
    UNION ALL
    SELECT 'comparison', concat_ws('/', first, second, judge, criterion, repeat), judge, count(*), arg_max(failure, attempt)
    FROM comparisons GROUP BY first, second, judge, criterion, repeat HAVING bool_and(failure IS NOT NULL)
    UNION ALL
    SELECT 'note', concat_ws('/', prompt, judge, criterion), judge, count(*), arg_max(failure, rowid)
    FROM notes GROUP BY prompt, judge, criterion HAVING bool_and(failure IS NOT NULL)
) AS tried
LEFT JOIN forgiven_attempts AS forgiven USING (unit);

-- One row per active prompt: `request` is its last user turn, `turns` its number of messages.
CREATE OR REPLACE VIEW prompts_readable AS
SELECT key AS prompt, json_array_length(messages) AS turns,
    list_filter(from_json(messages, '[{"role": "VARCHAR", "content": "VARCHAR"}]'), lambda turn: turn.role = 'user')[-1].content AS request,
    document, reference, metadata, source, bucket, position
FROM current_prompts;

-- One row per response to an active prompt, by any version of a generator: the attempt that succeeded, or the last one that
-- failed. `words` counts runs between spaces, and characters of scripts without spaces (SQL_WORD in rlaif/core/words.py);
-- `current` is true for the generator's current version.
CREATE OR REPLACE VIEW responses_readable_all AS
SELECT responses.key AS response, responses.prompt, prompts.request, coalesce(names.name, responses.generator) AS generator,
    sample, text, len(regexp_extract_all(text, '{SQL_WORD}')) AS words, finish, output_tokens, logprob, failure, detail, answer,
    coalesce(names.current, true) AS current
FROM responses
JOIN prompts_readable AS prompts ON prompts.prompt = responses.prompt
LEFT JOIN (
    SELECT key, name, key IN (SELECT key FROM current_generators) AS current FROM generator_names
) AS names ON names.key = responses.generator
QUALIFY row_number() OVER (PARTITION BY responses.key ORDER BY responses.failure IS NULL DESC, attempt DESC) = 1;

-- The same for the current version of each generator.
CREATE OR REPLACE VIEW responses_readable AS SELECT * EXCLUDE (current) FROM responses_readable_all WHERE current;

-- One row per response, judge and criterion: the score, and the same as `percent` of the criterion's scale; or the failure
-- kind and no score. All versions of judges, criteria and generators are included: `judge_key` and `criterion_key`
-- distinguish versions of one name, and `current` is true if all three are the current version.
CREATE OR REPLACE VIEW responses_scored_all AS
SELECT responses.response, responses.prompt, responses.request, responses.generator, responses.sample, responses.text,
    responses.words, coalesce(judges.name, scores.judge) AS judge, scores.judge AS judge_key,
    coalesce(criteria.name, scores.criterion) AS criterion, scores.criterion AS criterion_key, scores.score::DOUBLE AS score,
    (100 * (scores.score - criteria.low) / (criteria.high - criteria.low))::DOUBLE AS percent,
    scores.spread::DOUBLE AS spread, scores.repeats, scores.failure, scores.rationale,
    responses.current AND in_force.judge IS NOT NULL
        AND (judges.key IS NULL OR judges.key IN (SELECT key FROM current_judges)) AS current
FROM responses_readable_all AS responses
JOIN latest_scores AS scores ON scores.answer = responses.answer
LEFT JOIN current_criteria AS in_force ON in_force.judge = scores.judge AND in_force.criterion = scores.criterion
LEFT JOIN (SELECT key, max(name) AS name FROM judges GROUP BY key) AS judges ON judges.key = scores.judge
LEFT JOIN (SELECT key, max(name) AS name, max(low) AS low, max(high) AS high FROM criteria GROUP BY key) AS criteria
    ON criteria.key = scores.criterion
WHERE responses.failure IS NULL;

-- The same for current versions: a changed rubric, judge or generator counts from its first score on, and the scores of
-- earlier versions of that name are left out.
CREATE OR REPLACE VIEW responses_scored AS
-- DuckDB does not keep the order of several excluded columns, and the text of this view must not change with it.
SELECT * EXCLUDE (current) FROM (SELECT * EXCLUDE (criterion_key) FROM responses_scored_all) WHERE current;

-- One row per pairing; `newest` is true for the one that was made last.
CREATE OR REPLACE VIEW pairings_readable AS
SELECT pairings.key AS pairing, created, pairings.key = (SELECT key FROM newest_pairing) AS newest, spec ->> '$.strategy' AS strategy,
    coalesce(judges.named, 'no judge') AS judge, spec -> '$.settings' AS settings,
    (SELECT count(*) FROM pairs WHERE pairs.pairing = pairings.key) AS pairs
FROM pairings
LEFT JOIN (
    SELECT pairing, string_agg(name, ', ' ORDER BY place) || coalesce(' (' || any_value(mix) || ')', '') AS named
    FROM pairing_judges GROUP BY pairing
) AS judges ON judges.pairing = pairings.key;

-- One row per pair of every pairing, with both texts; margins are in hundredths of the scale.
CREATE OR REPLACE VIEW pairs_readable AS
SELECT pairs.pairing, pairings.newest, pairings.strategy, pairings.judge, pairs.prompt, prompts.request,
    chosen.text AS chosen, rejected.text AS rejected, pairs.margin::DOUBLE AS margin, pairs.confidence,
    chosen.words AS chosen_words, rejected.words AS rejected_words,
    chosen.generator AS chosen_generator, rejected.generator AS rejected_generator, prompts.source, prompts.metadata,
    pairs.chosen AS chosen_response, pairs.rejected AS rejected_response
FROM pairs
JOIN pairings_readable AS pairings ON pairings.pairing = pairs.pairing
JOIN prompts_readable AS prompts ON prompts.prompt = pairs.prompt
JOIN responses_readable_all AS chosen ON chosen.response = pairs.chosen
JOIN responses_readable_all AS rejected ON rejected.response = pairs.rejected;

-- One row per response that is in a pair of a pairing: its side.
CREATE OR REPLACE VIEW pair_sides AS
SELECT pairing, any_value(prompt) AS prompt, response,
    if(min(side) = max(side), min(side), 'chosen and rejected') AS outcome
FROM (
    SELECT pairing, prompt, chosen AS response, 'chosen' AS side FROM pairs
    UNION ALL SELECT pairing, prompt, rejected, 'rejected' FROM pairs
)
GROUP BY pairing, response;

-- One row per prompt (`response` is null) and one per response of every pairing, as of the time when it was made: its
-- separate reason, or its side of a pair, or the outcome that follows from its prompt's.
CREATE OR REPLACE VIEW outcomes AS
SELECT pairing, prompt, response, reason AS outcome FROM reasons
UNION ALL
FROM pair_sides
UNION ALL
SELECT whole.pairing, whole.prompt, responses.key,
    if(whole.reason = 'paired', 'not selected by the strategy', 'prompt without a pair: ' || whole.reason)
FROM reasons AS whole
JOIN (
    SELECT key, number, unnest(json_extract_string(spec, '$.generators[*]')) AS generator FROM pairings
) AS pairings ON pairings.key = whole.pairing
JOIN responses ON responses.prompt = whole.prompt AND responses.generator = pairings.generator
    AND responses.failure IS NULL AND coalesce(responses.kept_after < pairings.number, true)
ANTI JOIN reasons AS own ON own.pairing = whole.pairing AND own.response = responses.key
ANTI JOIN pairs AS first ON first.pairing = whole.pairing AND first.chosen = responses.key
ANTI JOIN pairs AS second ON second.pairing = whole.pairing AND second.rejected = responses.key
WHERE whole.response IS NULL AND whole.others > 0;

-- The number of prompts and responses with each outcome in each pairing, as of the time when it was made.
CREATE OR REPLACE VIEW outcomes_counted AS
SELECT pairing, 'prompts' AS what, reason AS outcome, count(*) AS n FROM reasons WHERE response IS NULL GROUP BY pairing, reason
UNION ALL
SELECT pairing, 'responses', outcome, sum(n)::BIGINT
FROM (
    SELECT pairing, reason AS outcome, count(*) AS n FROM reasons WHERE response IS NOT NULL GROUP BY pairing, reason
    UNION ALL
    SELECT pairing, if(reason = 'paired', 'not selected by the strategy', 'prompt without a pair: ' || reason), sum(others)
    FROM reasons WHERE response IS NULL GROUP BY pairing, reason HAVING sum(others) > 0
    UNION ALL
    SELECT pairing, outcome, count(*) FROM pair_sides GROUP BY pairing, outcome
)
GROUP BY pairing, outcome;

-- The outcomes with texts and names.
CREATE OR REPLACE VIEW outcomes_readable AS
SELECT outcomes.pairing, pairings.newest, outcomes.prompt, prompts.request, outcomes.response, responses.text, outcomes.outcome
FROM outcomes
JOIN pairings_readable AS pairings ON pairings.pairing = outcomes.pairing
JOIN prompts_readable AS prompts ON prompts.prompt = outcomes.prompt
LEFT JOIN responses_readable_all AS responses ON responses.response = outcomes.response;

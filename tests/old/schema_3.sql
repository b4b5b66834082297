-- A store as the rlaif of schema 3 made it: its tables, then its views.

CREATE TABLE meta (name VARCHAR, value VARCHAR);

CREATE TABLE prompts (
    key VARCHAR, normal_key VARCHAR,
    messages VARCHAR,           -- JSON list of {role, content}
    document VARCHAR, reference VARCHAR,
    metadata VARCHAR,           -- JSON object
    source VARCHAR,             -- file:line or dataset:row
    bucket UINTEGER,            -- 0..9999 by digest; below held_out * 10000 the prompt is held out
    position UBIGINT            -- order of arrival, for display and for sending in a stable order
);

-- The prompts that the pipeline's sources hold now; replaced whole when they change. Other prompts are out of play.
CREATE TABLE collected (prompt VARCHAR);

-- What a source holds that was not collected, each with its reason; replaced whole with `collected`.
CREATE TABLE dropped (source VARCHAR, what VARCHAR, reason VARCHAR, detail VARCHAR);

CREATE TABLE generators (key VARCHAR, name VARCHAR, spec VARCHAR);

-- A prompt as a generator was shown it: the messages after its template.
CREATE TABLE asks (prompt VARCHAR, generator VARCHAR, messages VARCHAR);

CREATE TABLE responses (
    key VARCHAR, prompt VARCHAR, generator VARCHAR, sample UINTEGER,
    answer VARCHAR,             -- digest of (prompt, text): equal samples share their scores
    text VARCHAR,
    finish VARCHAR,             -- stop, length, refused
    prompt_tokens UBIGINT, output_tokens UBIGINT,
    logprob DOUBLE,             -- sum over tokens, natural logarithm
    failure VARCHAR, detail VARCHAR,
    attempt UINTEGER, created TIMESTAMP
);

-- More samples than the pipeline's number, for prompts that were short of a pair: `samples` in all.
CREATE TABLE top_ups (generator VARCHAR, prompt VARCHAR, samples UINTEGER);

CREATE TABLE judges (key VARCHAR, name VARCHAR, spec VARCHAR);

CREATE TABLE criteria (key VARCHAR, name VARCHAR, kind VARCHAR, low DOUBLE, high DOUBLE, spec VARCHAR);

-- One reply of a judge, in its own words.
CREATE TABLE verdicts (
    key VARCHAR, answer VARCHAR, judge VARCHAR, repeat UINTEGER, attempt UINTEGER,
    raw VARCHAR, failure VARCHAR, detail VARCHAR,
    prompt_tokens UBIGINT, output_tokens UBIGINT, created TIMESTAMP
);

CREATE TABLE scores (
    verdict VARCHAR, answer VARCHAR, judge VARCHAR, criterion VARCHAR, repeat UINTEGER, attempt UINTEGER,
    value DECIMAL(18, 6), expected DECIMAL(18, 6), spread DECIMAL(18, 6),
    rationale VARCHAR, failure VARCHAR,
    CHECK ((value IS NULL) = (failure IS NOT NULL))
);

-- What a verdict looked at one by one: claims, key points, items of a checklist.
CREATE TABLE findings (
    verdict VARCHAR, answer VARCHAR, judge VARCHAR, criterion VARCHAR, position UINTEGER,
    text VARCHAR, outcome VARCHAR, rationale VARCHAR
);

-- What a judge wrote down once about a prompt, for all its responses: key points, items of a checklist.
CREATE TABLE notes (
    prompt VARCHAR, judge VARCHAR, criterion VARCHAR,
    texts VARCHAR,              -- JSON list
    raw VARCHAR, failure VARCHAR, detail VARCHAR,
    prompt_tokens UBIGINT, output_tokens UBIGINT, created TIMESTAMP
);

CREATE TABLE comparisons (
    prompt VARCHAR, first VARCHAR, second VARCHAR,  -- answers, in the order shown
    judge VARCHAR, criterion VARCHAR,
    preferred VARCHAR CHECK (preferred IN ('first', 'second', 'tie'))
);

-- Answers changed on purpose to mislead a judge: what became of `original`. The judge scores them like any other answer.
CREATE TABLE attacks (judge VARCHAR, attack VARCHAR, prompt VARCHAR, original VARCHAR, answer VARCHAR, text VARCHAR);

-- Pairs are no facts but a query's result: the rows of one pairing are replaced whole.
CREATE TABLE pairings (key VARCHAR, spec VARCHAR, created TIMESTAMP);

-- What each criterion weighs in a pairing, in exact integers: points = sum(factor * (score - low)).
CREATE TABLE pairing_criteria (
    pairing VARCHAR, criterion VARCHAR, name VARCHAR, weight DOUBLE, factor DECIMAL(18, 0), low DECIMAL(18, 6), floor DECIMAL(18, 6)
);

CREATE TABLE pairs (
    pairing VARCHAR, prompt VARCHAR, chosen VARCHAR, rejected VARCHAR,  -- keys of responses
    margin DECIMAL(18, 6),      -- lead of the chosen response, in hundredths of the scale
    confidence DOUBLE           -- probability that the label is right, where scores carry a spread
);

-- Why each prompt and response stands where it does in a pairing; `response` is null for a prompt's own outcome.
CREATE TABLE outcomes (pairing VARCHAR, prompt VARCHAR, response VARCHAR, outcome VARCHAR);

CREATE TABLE trainings (key VARCHAR, pairing VARCHAR, method VARCHAR, base VARCHAR, path VARCHAR, spec VARCHAR, created TIMESTAMP);

CREATE TABLE training_log (training VARCHAR, step UINTEGER, metric VARCHAR, value DOUBLE);

-- What each run of each stage did.
CREATE TABLE work (
    run VARCHAR, stage VARCHAR, started TIMESTAMP, seconds DOUBLE,
    done UBIGINT, failed UBIGINT, calls UBIGINT, prompt_tokens UBIGINT, output_tokens UBIGINT
);

CREATE TABLE runs (key VARCHAR, version VARCHAR, started TIMESTAMP, config VARCHAR);

-- The prompts in play: those that the pipeline's sources hold now.
CREATE VIEW current_prompts AS SELECT * FROM prompts SEMI JOIN collected ON collected.prompt = prompts.key;

-- One row per answer, judge and criterion: the mean over repeats of what the judge's reply gives (the expected value
-- where it has one), or the failure kind where no repeat has a value.
CREATE VIEW latest_scores AS
SELECT answer, judge, criterion,
    CAST(sum(coalesce(expected, value)) / count(value) AS DECIMAL(18, 6)) AS score,
    CAST(sqrt(sum(spread * spread)) / count(value) AS DECIMAL(18, 6)) AS spread,
    count(value) AS repeats,
    CASE WHEN count(value) = 0 THEN arg_max(failure, attempt) END AS failure,
    min(rationale) FILTER (value IS NOT NULL) AS rationale
FROM scores
GROUP BY answer, judge, criterion;

-- What a judge may be asked of: responses, and answers changed to mislead a judge as if the attacks on it had written them.
CREATE VIEW judgeable AS
SELECT prompt, answer, text, generator, failure FROM responses
UNION ALL SELECT prompt, answer, text, 'attack:' || judge, NULL FROM attacks;

-- One row a prompt in play: `request` is its last user turn, `turns` how many messages it has.
CREATE VIEW prompts_readable AS
SELECT key AS prompt, json_array_length(messages) AS turns,
    list_filter(from_json(messages, '[{"role": "VARCHAR", "content": "VARCHAR"}]'), lambda turn: turn.role = 'user')[-1].content AS request,
    document, reference, metadata, source, bucket, position
FROM current_prompts;

-- One row a response to a prompt in play: the attempt that gave it, or the last one that failed. `words` are runs of
-- characters between spaces.
CREATE VIEW responses_readable AS
SELECT responses.key AS response, responses.prompt, prompts.request, coalesce(names.name, responses.generator) AS generator,
    sample, text, len(regexp_extract_all(text, '\S+')) AS words, finish, output_tokens, logprob, failure, detail, answer
FROM responses
JOIN prompts_readable AS prompts ON prompts.prompt = responses.prompt
LEFT JOIN (SELECT key, max(name) AS name FROM generators GROUP BY key) AS names ON names.key = responses.generator
QUALIFY row_number() OVER (PARTITION BY responses.key ORDER BY responses.failure IS NULL DESC, attempt DESC) = 1;

-- One row a response, judge and criterion: the score, and the same as `percent` of the criterion's scale; or the failure
-- kind and no score.
CREATE VIEW responses_scored AS
SELECT responses.response, responses.prompt, responses.request, responses.generator, responses.sample, responses.text,
    responses.words, coalesce(judges.name, scores.judge) AS judge, coalesce(criteria.name, scores.criterion) AS criterion,
    scores.score::DOUBLE AS score, (100 * (scores.score - criteria.low) / (criteria.high - criteria.low))::DOUBLE AS percent,
    scores.spread::DOUBLE AS spread, scores.repeats, scores.failure, scores.rationale
FROM responses_readable AS responses
JOIN latest_scores AS scores ON scores.answer = responses.answer
LEFT JOIN (SELECT key, max(name) AS name FROM judges GROUP BY key) AS judges ON judges.key = scores.judge
LEFT JOIN (SELECT key, max(name) AS name, max(low) AS low, max(high) AS high FROM criteria GROUP BY key) AS criteria
    ON criteria.key = scores.criterion
WHERE responses.failure IS NULL;

-- One row a pairing; `newest` is true for the one that was made last.
CREATE VIEW pairings_readable AS
SELECT pairings.key AS pairing, created, created = max(created) OVER () AS newest, spec ->> '$.strategy' AS strategy,
    coalesce(judges.name, spec ->> '$.judge') AS judge, spec -> '$.settings' AS settings,
    (SELECT count(*) FROM pairs WHERE pairs.pairing = pairings.key) AS pairs
FROM pairings
LEFT JOIN (SELECT key, max(name) AS name FROM judges GROUP BY key) AS judges ON judges.key = spec ->> '$.judge';

-- One row a pair of every pairing, with both texts; margins are in hundredths of the scale.
CREATE VIEW pairs_readable AS
SELECT pairs.pairing, pairings.newest, pairings.strategy, pairings.judge, pairs.prompt, prompts.request,
    chosen.text AS chosen, rejected.text AS rejected, pairs.margin::DOUBLE AS margin, pairs.confidence,
    chosen.words AS chosen_words, rejected.words AS rejected_words,
    chosen.generator AS chosen_generator, rejected.generator AS rejected_generator,
    pairs.chosen AS chosen_response, pairs.rejected AS rejected_response
FROM pairs
JOIN pairings_readable AS pairings ON pairings.pairing = pairs.pairing
JOIN prompts_readable AS prompts ON prompts.prompt = pairs.prompt
JOIN responses_readable AS chosen ON chosen.response = pairs.chosen
JOIN responses_readable AS rejected ON rejected.response = pairs.rejected;

-- One row a prompt (`response` null) and one a response of every pairing: why each stands where it does.
CREATE VIEW outcomes_readable AS
SELECT outcomes.pairing, pairings.newest, outcomes.prompt, prompts.request, outcomes.response, responses.text, outcomes.outcome
FROM outcomes
JOIN pairings_readable AS pairings ON pairings.pairing = outcomes.pairing
JOIN prompts_readable AS prompts ON prompts.prompt = outcomes.prompt
LEFT JOIN responses_readable AS responses ON responses.response = outcomes.response;

INSERT INTO meta VALUES ('schema', '3');

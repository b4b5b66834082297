-- The tables: append-only facts with content keys. No primary keys, indexes, sequences or updates: DuckDB's
-- append path is its most durable and fastest one, and work is found by anti-joins, not constraints.

CREATE TABLE meta (name VARCHAR, value VARCHAR);

CREATE TABLE prompts (
    key VARCHAR, normal_key VARCHAR,
    messages VARCHAR,           -- JSON list of {role, content}
    document VARCHAR, reference VARCHAR,
    checklist VARCHAR,          -- JSON list of "weight: text"; null where it has none
    metadata VARCHAR,           -- JSON object
    source VARCHAR,             -- file:line or dataset:row
    bucket UINTEGER,            -- 0..9999 by digest; below held_out * 10000 the prompt is held out
    position UBIGINT            -- order of arrival, for display and for sending in a stable order
);

-- The prompts that the pipeline's sources hold now; replaced whole when they change. Other prompts are out of play.
CREATE TABLE active_prompts (prompt VARCHAR);

-- What a source holds that was not collected, each with its reason; replaced whole with `collected`.
CREATE TABLE dropped (source VARCHAR, what VARCHAR, reason VARCHAR, detail VARCHAR);

CREATE TABLE generators (key VARCHAR, name VARCHAR, spec VARCHAR);

-- A prompt as a generator was shown it: the messages after its template.
CREATE TABLE rendered_prompts (prompt VARCHAR, generator VARCHAR, messages VARCHAR);

CREATE TABLE responses (
    key VARCHAR, prompt VARCHAR, generator VARCHAR, sample UINTEGER,
    answer VARCHAR,             -- digest of (prompt, text): equal samples share their scores
    text VARCHAR,
    finish VARCHAR,             -- stop (whole), length, refused, prompt_cut, unknown
    prompt_tokens UBIGINT, output_tokens UBIGINT,
    logprob DOUBLE,             -- sum over tokens, natural logarithm
    failure VARCHAR, detail VARCHAR,
    attempt UINTEGER, created TIMESTAMP,
    kept_after UBIGINT          -- `number` of the newest pairing at the time; null where there was none yet
);

-- More samples than the pipeline's number, for prompts that were short of a pair: `samples` in all.
CREATE TABLE extra_samples (generator VARCHAR, prompt VARCHAR, samples UINTEGER);

CREATE TABLE judges (key VARCHAR, name VARCHAR, spec VARCHAR);

-- The current version of each generator and judge that has worked here: the one that the last command used under that name.
-- `what` is 'generator' or 'judge'; a judge has one row per criterion, a generator one row without. Replaced by name.
CREATE TABLE in_use (what VARCHAR, name VARCHAR, key VARCHAR, criterion VARCHAR);

-- Under which name the server of a judge's model answered first. It must not become another.
CREATE TABLE served_models (judge VARCHAR, model VARCHAR);

CREATE TABLE criteria (key VARCHAR, name VARCHAR, kind VARCHAR, low DOUBLE, high DOUBLE, spec VARCHAR);

-- One judgement, in the judge's own words: one reply, or several of so many calls (0 where it asked nobody).
CREATE TABLE verdicts (
    key VARCHAR,
    answer VARCHAR,             -- null where it compares two: see comparisons
    judge VARCHAR, repeat UINTEGER, attempt UINTEGER,
    raw VARCHAR, failure VARCHAR, detail VARCHAR, calls UINTEGER,
    prompt_tokens UBIGINT, output_tokens UBIGINT, created TIMESTAMP
);

CREATE TABLE scores (
    verdict VARCHAR, answer VARCHAR, judge VARCHAR, criterion VARCHAR, repeat UINTEGER, attempt UINTEGER,
    value DECIMAL(18, 6), expected DECIMAL(18, 6), spread DECIMAL(18, 6),
    rationale VARCHAR, failure VARCHAR,
    CHECK ((value IS NULL) = (failure IS NOT NULL))
);

-- What a verdict looked at one by one: claims, key points, items of a checklist. `earned` is the share that the answer got of
-- what each is worth; null where there was nothing to look at.
CREATE TABLE findings (
    verdict VARCHAR, answer VARCHAR, judge VARCHAR, criterion VARCHAR, position UINTEGER,
    text VARCHAR, outcome VARCHAR, earned DOUBLE, rationale VARCHAR
);

-- The prompts that a cascade left from one judge (`before`) to a later one, once and for all: `lead` is that of the best
-- response over the worst by the earlier judge, in hundredths of the scale, null where it gave none.
CREATE TABLE cascade_escalations (prompt VARCHAR, before VARCHAR, judge VARCHAR, lead DECIMAL(18, 6));

-- What a judge wrote down once about a prompt, for all its responses: key points, items of a checklist.
CREATE TABLE notes (
    prompt VARCHAR, judge VARCHAR, criterion VARCHAR,
    texts VARCHAR,              -- JSON list
    raw VARCHAR, failure VARCHAR, detail VARCHAR, calls UINTEGER,
    prompt_tokens UBIGINT, output_tokens UBIGINT, created TIMESTAMP
);

-- Replies of models that were asked beside responses and judgements: embeddings that find what a claim may rest on, rewards of
-- answers that are sampled while a model is trained. `guessed` of them came without a count of their tokens.
CREATE TABLE auxiliary_calls (
    run VARCHAR, stage VARCHAR,
    model VARCHAR,              -- JSON: what makes two models the same
    calls UBIGINT, prompt_tokens UBIGINT, guessed UBIGINT, created TIMESTAMP
);

CREATE TABLE comparisons (
    prompt VARCHAR, first VARCHAR, second VARCHAR,  -- answers, in the order shown
    judge VARCHAR, criterion VARCHAR,
    preferred VARCHAR CHECK (preferred IN ('first', 'second', 'tie')),  -- null where it failed
    verdict VARCHAR, repeat UINTEGER, attempt UINTEGER,             -- null where it came with the data, or from a person
    probability DECIMAL(18, 6), -- that the first is better, by the judge's own tokens, a tie being half
    rationale VARCHAR, failure VARCHAR
);

-- Units that failed and are owed again on demand: so many first attempts at each count no more.
CREATE TABLE retries (
    unit VARCHAR,               -- a response's key, or what else `failed_units` calls it
    attempts UINTEGER
);

-- Answers changed on purpose to mislead a judge: what became of `original`. The judge scores them like any other answer.
CREATE TABLE attacks (judge VARCHAR, attack VARCHAR, prompt VARCHAR, original VARCHAR, answer VARCHAR, text VARCHAR);

-- Pairs are no facts but a query's result: the rows of one pairing are replaced whole.
-- `number` counts pairings in the order in which they were made, whatever the clock says; making one again gives it a new number.
-- `facts` is a digest of what it was made from: prompts, responses, scores and comparisons.
CREATE TABLE pairings (key VARCHAR, spec VARCHAR, created TIMESTAMP, run VARCHAR, number UBIGINT, facts VARCHAR);

-- What each criterion weighs in a pairing, in exact integers: points = sum(factor * (score - low)).
CREATE TABLE pairing_criteria (
    pairing VARCHAR, criterion VARCHAR, name VARCHAR, weight DOUBLE, factor DECIMAL(18, 0), low DECIMAL(18, 6), floor DECIMAL(18, 6)
);

CREATE TABLE pairs (
    pairing VARCHAR, prompt VARCHAR,
    chosen VARCHAR USING COMPRESSION uncompressed, rejected VARCHAR USING COMPRESSION uncompressed,  -- keys of responses
    margin DECIMAL(18, 6),      -- lead of the chosen response, in hundredths of the scale
    confidence DOUBLE           -- probability that the label is right, where scores carry a spread
);

-- What a pairing's comparisons come to for each answer: `points` are log-odds (Bradley-Terry), `score` the mean probability of
-- winning against the prompt's other answers, `spread` its standard error.
CREATE TABLE strengths (
    pairing VARCHAR, judge VARCHAR, criterion VARCHAR, answer VARCHAR,
    points DECIMAL(38, 6), score DECIMAL(18, 6), spread DECIMAL(18, 6)
);

-- What the scores of several judges come to in a pairing, on the scale of its criterion.
CREATE TABLE mixed (pairing VARCHAR, criterion VARCHAR, answer VARCHAR, score DECIMAL(18, 6));

-- Why each prompt ended as it did in a pairing (`response` null), and each response that has a reason of its own. What holds
-- for the `others` of a prompt, so many of them, is not repeated for each: the view `outcomes` tells it of every response.
CREATE TABLE reasons (pairing VARCHAR, prompt VARCHAR, response VARCHAR, reason VARCHAR, others UBIGINT);

CREATE TABLE trainings (key VARCHAR, pairing VARCHAR, method VARCHAR, base VARCHAR, path VARCHAR, spec VARCHAR, created TIMESTAMP);

CREATE TABLE training_log (training VARCHAR, step UINTEGER, metric VARCHAR, value DOUBLE);

-- How far a response's model has moved from a generator's model, `reference`, on that response: sums over its `tokens`, in
-- nats, of the estimates k1 and k3 of the KL divergence; or a failure kind and no numbers.
CREATE TABLE divergences (
    response VARCHAR, reference VARCHAR, tokens UINTEGER, k1 DOUBLE, k3 DOUBLE, failure VARCHAR
);

-- What came of each round of a pipeline with rounds: `fresh` is its writer's mean score, `before` and `after` its
-- training's on held-out prompts, in hundredths; `stopped` says why it was the last. A round that is done again is replaced.
CREATE TABLE rounds (
    chain VARCHAR, number UINTEGER, writer VARCHAR, pairing VARCHAR, training VARCHAR, pairs UBIGINT,
    fresh DOUBLE, margin DOUBLE, shared DOUBLE, judge VARCHAR, before DOUBLE, after DOUBLE, stopped VARCHAR, created TIMESTAMP
);

-- What servers told of themselves (version, root, max_model_len, created, fingerprint), and what they made us do (a parameter
-- left out or renamed, surplus completions dropped), in each run, and how often.
CREATE TABLE server_observations (
    run VARCHAR, server VARCHAR, model VARCHAR, remark VARCHAR, value VARCHAR, times UBIGINT, created TIMESTAMP
);

-- What each run of each stage did.
CREATE TABLE stage_runs (
    run VARCHAR, stage VARCHAR, started TIMESTAMP, seconds DOUBLE,
    done UBIGINT, failed UBIGINT, calls UBIGINT, prompt_tokens UBIGINT, output_tokens UBIGINT
);

-- The whole pipeline of each run as JSON, and the command line that does all of it.
CREATE TABLE runs (key VARCHAR, version VARCHAR, started TIMESTAMP, config VARCHAR, command VARCHAR);

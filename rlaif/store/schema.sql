-- The tables: append-only facts with content keys. There are no primary keys, indexes, sequences or updates: DuckDB's
-- append path is its most durable and fastest one, and pending work is found by anti-joins, not by constraints.

CREATE TABLE meta (name VARCHAR, value VARCHAR);

CREATE TABLE prompts (
    key VARCHAR, normal_key VARCHAR,
    messages VARCHAR,           -- JSON list of {role, content}
    document VARCHAR, reference VARCHAR,
    checklist VARCHAR,          -- JSON list of "weight: text"; null if the prompt has no checklist
    metadata VARCHAR,           -- JSON object
    source VARCHAR,             -- file:line or dataset:row
    bucket UINTEGER,            -- 0..9999 by digest; below held_out * 10000 the prompt is held out
    position UBIGINT            -- order of arrival, for display and for sending in a stable order
);

-- The prompts that the pipeline's sources hold now; replaced as a whole when they change. Other prompts are inactive.
CREATE TABLE active_prompts (prompt VARCHAR);

-- Rows of the sources that were dropped, each with its reason; replaced as a whole with `active_prompts`.
CREATE TABLE dropped (source VARCHAR, what VARCHAR, reason VARCHAR, detail VARCHAR);

CREATE TABLE generators (key VARCHAR, name VARCHAR, spec VARCHAR);

-- A prompt as a generator saw it: the messages after its template.
CREATE TABLE rendered_prompts (prompt VARCHAR, generator VARCHAR, messages VARCHAR);

CREATE TABLE responses (
    key VARCHAR, prompt VARCHAR, generator VARCHAR, sample UINTEGER,
    answer VARCHAR,             -- digest of (prompt, text): equal samples share their scores
    text VARCHAR,
    reasoning VARCHAR,          -- the model's reasoning before the text; null if there is none
    finish VARCHAR,             -- stop (whole), length, refused, prompt_cut, unknown
    prompt_tokens UBIGINT, output_tokens UBIGINT,
    logprob DOUBLE,             -- sum over tokens, natural logarithm
    failure VARCHAR, detail VARCHAR,
    attempt UINTEGER, created TIMESTAMP,
    kept_after UBIGINT          -- `number` of the newest pairing at the time; null before the first one
);

-- Prompts without a pair that get more samples than the pipeline's number: `samples` in total.
CREATE TABLE extra_samples (generator VARCHAR, prompt VARCHAR, samples UINTEGER);

CREATE TABLE judges (key VARCHAR, name VARCHAR, spec VARCHAR);

-- The current version of each generator and judge that was used here: the one that the last command used under that name.
-- `what` is 'generator' or 'judge'; a judge has one row per criterion, a generator one row without a criterion. Rows are
-- replaced by name.
CREATE TABLE in_use (what VARCHAR, name VARCHAR, key VARCHAR, criterion VARCHAR);

-- The model name that the server of a judge reported first. A different name later stops the run.
CREATE TABLE served_models (judge VARCHAR, model VARCHAR);

CREATE TABLE criteria (key VARCHAR, name VARCHAR, kind VARCHAR, low DOUBLE, high DOUBLE, spec VARCHAR);

-- One judgement as the judge wrote it: one reply, or the replies of several `calls` (0 if no model was called).
CREATE TABLE verdicts (
    key VARCHAR,
    answer VARCHAR,             -- null if it compares two answers: see comparisons
    judge VARCHAR, repeat UINTEGER, attempt UINTEGER,
    raw VARCHAR,
    reasoning VARCHAR,          -- the judge's reasoning, if the server returned it separately
    failure VARCHAR, detail VARCHAR, calls UINTEGER,
    prompt_tokens UBIGINT, output_tokens UBIGINT, created TIMESTAMP
);

CREATE TABLE scores (
    verdict VARCHAR, answer VARCHAR, judge VARCHAR, criterion VARCHAR, repeat UINTEGER, attempt UINTEGER,
    value DECIMAL(18, 6), expected DECIMAL(18, 6), spread DECIMAL(18, 6),
    rationale VARCHAR, failure VARCHAR,
    CHECK ((value IS NULL) = (failure IS NOT NULL))
);

-- The items that a verdict examined one by one: claims, key points, checklist items. `earned` is the share of the item's
-- worth that the answer got; null if there was nothing to examine.
CREATE TABLE findings (
    verdict VARCHAR, answer VARCHAR, judge VARCHAR, criterion VARCHAR, position UINTEGER,
    text VARCHAR, outcome VARCHAR, earned DOUBLE, rationale VARCHAR
);

-- The prompts that a cascade escalated from one judge (`before`) to a later one, permanently. `lead` is the margin of the
-- best response over the worst by the earlier judge, in hundredths of the scale; null if it has none.
CREATE TABLE cascade_escalations (prompt VARCHAR, before VARCHAR, judge VARCHAR, lead DECIMAL(18, 6));

-- Notes that a judge made once per prompt, for all its responses: key points, checklist items.
CREATE TABLE notes (
    prompt VARCHAR, judge VARCHAR, criterion VARCHAR,
    texts VARCHAR,              -- JSON list
    raw VARCHAR, failure VARCHAR, detail VARCHAR, calls UINTEGER,
    prompt_tokens UBIGINT, output_tokens UBIGINT, created TIMESTAMP
);

-- Model calls besides responses and judgements: embeddings that find passages for a claim, and rewards of responses that are
-- sampled during training. `guessed` counts the calls whose reply had no token count.
CREATE TABLE auxiliary_calls (
    run VARCHAR, stage VARCHAR,
    model VARCHAR,              -- JSON: the model's identity
    calls UBIGINT, prompt_tokens UBIGINT, guessed UBIGINT, created TIMESTAMP
);

CREATE TABLE comparisons (
    prompt VARCHAR, first VARCHAR, second VARCHAR,  -- answers, in the order shown
    judge VARCHAR, criterion VARCHAR,
    preferred VARCHAR CHECK (preferred IN ('first', 'second', 'tie')),  -- null if it failed
    verdict VARCHAR, repeat UINTEGER, attempt UINTEGER,             -- null if it came with the data or from a person
    probability DECIMAL(18, 6), -- that the first is better, by the judge's token probabilities; a tie counts half
    rationale VARCHAR, failure VARCHAR
);

-- Failed units that `rlaif retry` made pending again: the first `attempts` attempts at each no longer count.
CREATE TABLE retries (
    unit VARCHAR,               -- a response's key, or another unit's name in the view `failed_units`
    attempts UINTEGER
);

-- Answers altered to mislead a judge, each made from `original`. The judge scores them like any other answer.
CREATE TABLE attacks (judge VARCHAR, attack VARCHAR, prompt VARCHAR, original VARCHAR, answer VARCHAR, text VARCHAR);

-- Pairs are not facts but the result of a query: the rows of one pairing are replaced as a whole. `number` counts pairings
-- in the order in which they were made, independent of the clock; a pairing that is made again gets a new number. `facts` is
-- a digest of its inputs: prompts, responses, scores and comparisons.
CREATE TABLE pairings (key VARCHAR, spec VARCHAR, created TIMESTAMP, run VARCHAR, number UBIGINT, facts VARCHAR);

-- The weight of each criterion in a pairing, as exact integers: points = sum(factor * (score - low)).
CREATE TABLE pairing_criteria (
    pairing VARCHAR, criterion VARCHAR, name VARCHAR, weight DOUBLE, factor DECIMAL(18, 0), low DECIMAL(18, 6), floor DECIMAL(18, 6)
);

CREATE TABLE pairs (
    pairing VARCHAR, prompt VARCHAR,
    chosen VARCHAR USING COMPRESSION uncompressed, rejected VARCHAR USING COMPRESSION uncompressed,  -- keys of responses
    margin DECIMAL(18, 6),      -- lead of the chosen response, in hundredths of the scale
    confidence DOUBLE           -- probability that the label is right; null if not known
);

-- The strength of each answer by a pairing's comparisons: `points` are log-odds (Bradley-Terry), `score` is the mean
-- probability of winning against the prompt's other answers, `spread` its standard error.
CREATE TABLE strengths (
    pairing VARCHAR, judge VARCHAR, criterion VARCHAR, answer VARCHAR,
    points DECIMAL(38, 6), score DECIMAL(18, 6), spread DECIMAL(18, 6)
);

-- The combined score of several judges in a pairing, on the scale of its criterion.
CREATE TABLE mixed (pairing VARCHAR, criterion VARCHAR, answer VARCHAR, score DECIMAL(18, 6));

-- The outcome of each prompt in a pairing (`response` is null), and of each response with a separate reason. `others` is the
-- number of the prompt's remaining responses, whose outcome follows from the prompt's: the view `outcomes` lists every
-- response.
CREATE TABLE reasons (pairing VARCHAR, prompt VARCHAR, response VARCHAR, reason VARCHAR, others UBIGINT);

CREATE TABLE trainings (key VARCHAR, pairing VARCHAR, method VARCHAR, base VARCHAR, path VARCHAR, spec VARCHAR, created TIMESTAMP);

CREATE TABLE training_log (training VARCHAR, step UINTEGER, metric VARCHAR, value DOUBLE);

-- The divergence of a response's model from the model of the generator `reference` on that response: sums over its `tokens`,
-- in nats, of the estimates k1 and k3 of the KL divergence; or a failure kind and no numbers.
CREATE TABLE divergences (
    response VARCHAR, reference VARCHAR, tokens UINTEGER, k1 DOUBLE, k3 DOUBLE, failure VARCHAR
);

-- The result of each round of a pipeline with rounds: `fresh` is its generator's mean score, `before` and `after` are the
-- mean scores before and after its training on held-out prompts, in hundredths; `stopped` is why it was the last one. A
-- round that is repeated replaces its earlier result.
CREATE TABLE rounds (
    chain VARCHAR, number UINTEGER, writer VARCHAR, pairing VARCHAR, training VARCHAR, pairs UBIGINT,
    fresh DOUBLE, margin DOUBLE, shared DOUBLE, judge VARCHAR, before DOUBLE, after DOUBLE, stopped VARCHAR, created TIMESTAMP
);

-- What servers reported about themselves (version, root, max_model_len, created, fingerprint) and how requests were adapted
-- to them (a parameter dropped or renamed, surplus completions dropped): the number of `times` in each run.
CREATE TABLE server_observations (
    run VARCHAR, server VARCHAR, model VARCHAR, remark VARCHAR, value VARCHAR, times UBIGINT, created TIMESTAMP
);

-- The work of each stage in each run.
CREATE TABLE stage_runs (
    run VARCHAR, stage VARCHAR, started TIMESTAMP, seconds DOUBLE,
    done UBIGINT, failed UBIGINT, calls UBIGINT, prompt_tokens UBIGINT, output_tokens UBIGINT
);

-- The resolved pipeline of each run as JSON, and the command line that runs it.
CREATE TABLE runs (key VARCHAR, version VARCHAR, started TIMESTAMP, config VARCHAR, command VARCHAR);

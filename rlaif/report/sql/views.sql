-- Temporary views of what the report covers: the newest pairing; among generators, judges and criteria with the same name, the
-- one that this pairing used, else the newest; among trainings, the newest on this pairing, else the newest.

CREATE OR REPLACE TEMP VIEW report_pairing AS
SELECT key, json_extract_string(spec, '$.generators[*]') AS generators
FROM newest_pairing;

CREATE OR REPLACE TEMP VIEW report_generators AS
SELECT name, key FROM generator_names JOIN (SELECT key, any_value(spec) AS spec, max(rowid) AS place FROM generators GROUP BY key) USING (key)
QUALIFY row_number() OVER (
    PARTITION BY name, spec = '{"kind": "imported"}' ORDER BY key IN (SELECT unnest(generators) FROM report_pairing) DESC, place DESC
) = 1;

CREATE OR REPLACE TEMP VIEW report_judges AS
SELECT name, key, key IN (
    SELECT judge FROM pairing_judges JOIN report_pairing ON report_pairing.key = pairing_judges.pairing
) AS labels FROM judges
QUALIFY row_number() OVER (PARTITION BY name ORDER BY labels DESC, rowid DESC) = 1;

CREATE OR REPLACE TEMP VIEW report_responses AS
SELECT responses.*, generators.name AS writer
FROM responses
    JOIN report_generators AS generators ON generators.key = responses.generator
    SEMI JOIN current_prompts AS prompts ON prompts.key = responses.prompt
QUALIFY row_number() OVER (PARTITION BY responses.key, writer ORDER BY failure IS NULL DESC, attempt DESC) = 1;

CREATE OR REPLACE TEMP VIEW report_scores AS
WITH paired AS (
    SELECT criterion FROM pairing_criteria JOIN report_pairing ON report_pairing.key = pairing
),
criteria AS (
    SELECT key, max(name) AS name, max(low) AS low, max(high) AS high, max(rowid) AS place,
        key IN (SELECT criterion FROM paired) AS used
    FROM criteria GROUP BY key
)
SELECT scores.answer, scores.judge AS judge_key, scores.criterion AS criterion_key, judges.name AS judge, judges.labels, criteria.name AS criterion, place, low, high,
    scores.score, scores.failure, scores.rationale
FROM latest_scores AS scores
    JOIN report_judges AS judges ON judges.key = scores.judge
    JOIN criteria ON criteria.key = scores.criterion
    SEMI JOIN responses ON responses.answer = scores.answer
QUALIFY rank() OVER (PARTITION BY judges.name, criteria.name ORDER BY used DESC, place DESC) = 1;

CREATE OR REPLACE TEMP VIEW report_pairs AS
SELECT pairs.*, chosen.text AS chosen_text, rejected.text AS rejected_text,
    chosen.answer AS chosen_answer, rejected.answer AS rejected_answer,
    len(regexp_extract_all(chosen.text, '{SQL_WORD}')) AS chosen_words,
    len(regexp_extract_all(rejected.text, '{SQL_WORD}')) AS rejected_words
FROM pairs
    JOIN report_pairing ON report_pairing.key = pairs.pairing
    JOIN (SELECT DISTINCT key, text, answer FROM responses WHERE failure IS NULL) AS chosen ON chosen.key = pairs.chosen
    JOIN (SELECT DISTINCT key, text, answer FROM responses WHERE failure IS NULL) AS rejected
        ON rejected.key = pairs.rejected;

CREATE OR REPLACE TEMP VIEW report_training AS
SELECT * FROM trainings
ORDER BY pairing IN (SELECT key FROM report_pairing) DESC, rowid DESC LIMIT 1;

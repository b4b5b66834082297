-- What the report speaks of, as temporary views: of the generators, judges and criteria that share a name, the newest;
-- of the pairings, the newest; of the trainings, the newest on that pairing, else the newest.

CREATE OR REPLACE TEMP VIEW report_pairing AS
SELECT *, spec ->> 'judge' AS judge FROM pairings ORDER BY created DESC, rowid DESC LIMIT 1;

CREATE OR REPLACE TEMP VIEW report_responses AS
SELECT responses.*, generators.name AS writer, prompts.bucket
FROM responses
    JOIN (SELECT name, arg_max(key, rowid) AS key FROM generators GROUP BY name) AS generators
        ON generators.key = responses.generator
    JOIN current_prompts AS prompts ON prompts.key = responses.prompt
QUALIFY row_number() OVER (PARTITION BY responses.key, writer ORDER BY failure IS NULL DESC, attempt DESC) = 1;

CREATE OR REPLACE TEMP VIEW report_scores AS
SELECT scores.answer, judges.name AS judge, criteria.name AS criterion, criteria.place, low, high,
    judges.key IN (SELECT judge FROM report_pairing) AS labels, scores.score, scores.failure, scores.rationale
FROM latest_scores AS scores
    JOIN (SELECT name, arg_max(key, rowid) AS key FROM judges GROUP BY name) AS judges ON judges.key = scores.judge
    JOIN (SELECT key, max(name) AS name, max(low) AS low, max(high) AS high, max(rowid) AS place
        FROM criteria GROUP BY key) AS criteria ON criteria.key = scores.criterion
QUALIFY criteria.place = max(criteria.place) OVER (PARTITION BY judges.name, criteria.name);

CREATE OR REPLACE TEMP VIEW report_pairs AS
SELECT pairs.*, chosen.text AS chosen_text, rejected.text AS rejected_text,
    chosen.answer AS chosen_answer, rejected.answer AS rejected_answer,
    len(regexp_extract_all(chosen.text, '\S+')) AS chosen_words,
    len(regexp_extract_all(rejected.text, '\S+')) AS rejected_words
FROM pairs
    JOIN report_pairing ON report_pairing.key = pairs.pairing
    JOIN (SELECT DISTINCT key, text, answer FROM responses WHERE failure IS NULL) AS chosen ON chosen.key = pairs.chosen
    JOIN (SELECT DISTINCT key, text, answer FROM responses WHERE failure IS NULL) AS rejected
        ON rejected.key = pairs.rejected;

CREATE OR REPLACE TEMP VIEW report_training AS
SELECT * FROM trainings
ORDER BY pairing IN (SELECT key FROM report_pairing) DESC, created DESC, rowid DESC LIMIT 1;

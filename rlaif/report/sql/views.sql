-- Temporary views of what the report covers: the newest pairing; among generators, judges and criteria with the same name, the
-- one that this pairing used, else the newest; among trainings, the newest on this pairing, else the newest.

CREATE OR REPLACE TEMP VIEW report_pairing AS
SELECT key, json_extract_string(spec, '$.generators[*]') AS generators
FROM newest_pairing;

CREATE OR REPLACE TEMP VIEW report_generators AS
SELECT name, key FROM generators
QUALIFY row_number() OVER (
    PARTITION BY name ORDER BY key IN (SELECT unnest(generators) FROM report_pairing) DESC, rowid DESC
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
    len(regexp_extract_all(chosen.text, '[!-/:-@\[-`{-~\x{A1}-\x{BF}\x{2010}-\x{2027}\x{2030}-\x{205E}\x{3001}-\x{3003}\x{3008}-\x{3020}\x{3030}\x{30FB}\x{FF01}-\x{FF0F}\x{FF1A}-\x{FF20}\x{FF3B}-\x{FF40}\x{FF5B}-\x{FF65}]*[\x{3005}-\x{3007}\x{3021}-\x{3029}\x{3038}-\x{303B}\x{3041}-\x{3096}\x{3099}\x{309A}\x{309D}-\x{309F}\x{30A1}-\x{30FA}\x{30FC}-\x{30FF}\x{31F0}-\x{31FF}\x{3400}-\x{4DBF}\x{4E00}-\x{9FFF}\x{F900}-\x{FAFF}\x{FF66}-\x{FF9F}\x{1B000}-\x{1B16F}\x{20000}-\x{3FFFD}\x{E01}-\x{E3A}\x{E40}-\x{E4E}\x{E81}-\x{ECD}\x{EDC}-\x{EDF}\x{1000}-\x{103F}\x{1050}-\x{108F}\x{109A}-\x{109D}\x{1780}-\x{17D3}\x{17DC}\x{17DD}\x{1950}-\x{19C9}\x{1A20}-\x{1A7F}\x{A9E0}-\x{A9EF}\x{A9FA}-\x{A9FE}\x{AA60}-\x{AADD}][\x{E31}\x{E34}-\x{E3A}\x{E47}-\x{E4E}\x{EB1}\x{EB4}-\x{EBC}\x{EC8}-\x{ECD}\x{102B}-\x{103E}\x{1056}-\x{1059}\x{105E}-\x{1060}\x{1062}-\x{1064}\x{1067}-\x{106D}\x{1071}-\x{1074}\x{1082}-\x{108D}\x{108F}\x{109A}-\x{109D}\x{17B4}-\x{17D3}\x{17DD}\x{1A55}-\x{1A7F}\x{AA7B}-\x{AA7D}\x{AAB0}-\x{AAB8}\x{AABE}-\x{AAC1}\x{3099}\x{309A}\x{30FC}\x{FF70}\x{FF9E}\x{FF9F}]*[!-/:-@\[-`{-~\x{A1}-\x{BF}\x{2010}-\x{2027}\x{2030}-\x{205E}\x{3001}-\x{3003}\x{3008}-\x{3020}\x{3030}\x{30FB}\x{FF01}-\x{FF0F}\x{FF1A}-\x{FF20}\x{FF3B}-\x{FF40}\x{FF5B}-\x{FF65}]*|[^\x{9}-\x{D}\x{1C}- \x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}\x{3005}-\x{3007}\x{3021}-\x{3029}\x{3038}-\x{303B}\x{3041}-\x{3096}\x{3099}\x{309A}\x{309D}-\x{309F}\x{30A1}-\x{30FA}\x{30FC}-\x{30FF}\x{31F0}-\x{31FF}\x{3400}-\x{4DBF}\x{4E00}-\x{9FFF}\x{F900}-\x{FAFF}\x{FF66}-\x{FF9F}\x{1B000}-\x{1B16F}\x{20000}-\x{3FFFD}\x{E01}-\x{E3A}\x{E40}-\x{E4E}\x{E81}-\x{ECD}\x{EDC}-\x{EDF}\x{1000}-\x{103F}\x{1050}-\x{108F}\x{109A}-\x{109D}\x{1780}-\x{17D3}\x{17DC}\x{17DD}\x{1950}-\x{19C9}\x{1A20}-\x{1A7F}\x{A9E0}-\x{A9EF}\x{A9FA}-\x{A9FE}\x{AA60}-\x{AADD}]+')) AS chosen_words,
    len(regexp_extract_all(rejected.text, '[!-/:-@\[-`{-~\x{A1}-\x{BF}\x{2010}-\x{2027}\x{2030}-\x{205E}\x{3001}-\x{3003}\x{3008}-\x{3020}\x{3030}\x{30FB}\x{FF01}-\x{FF0F}\x{FF1A}-\x{FF20}\x{FF3B}-\x{FF40}\x{FF5B}-\x{FF65}]*[\x{3005}-\x{3007}\x{3021}-\x{3029}\x{3038}-\x{303B}\x{3041}-\x{3096}\x{3099}\x{309A}\x{309D}-\x{309F}\x{30A1}-\x{30FA}\x{30FC}-\x{30FF}\x{31F0}-\x{31FF}\x{3400}-\x{4DBF}\x{4E00}-\x{9FFF}\x{F900}-\x{FAFF}\x{FF66}-\x{FF9F}\x{1B000}-\x{1B16F}\x{20000}-\x{3FFFD}\x{E01}-\x{E3A}\x{E40}-\x{E4E}\x{E81}-\x{ECD}\x{EDC}-\x{EDF}\x{1000}-\x{103F}\x{1050}-\x{108F}\x{109A}-\x{109D}\x{1780}-\x{17D3}\x{17DC}\x{17DD}\x{1950}-\x{19C9}\x{1A20}-\x{1A7F}\x{A9E0}-\x{A9EF}\x{A9FA}-\x{A9FE}\x{AA60}-\x{AADD}][\x{E31}\x{E34}-\x{E3A}\x{E47}-\x{E4E}\x{EB1}\x{EB4}-\x{EBC}\x{EC8}-\x{ECD}\x{102B}-\x{103E}\x{1056}-\x{1059}\x{105E}-\x{1060}\x{1062}-\x{1064}\x{1067}-\x{106D}\x{1071}-\x{1074}\x{1082}-\x{108D}\x{108F}\x{109A}-\x{109D}\x{17B4}-\x{17D3}\x{17DD}\x{1A55}-\x{1A7F}\x{AA7B}-\x{AA7D}\x{AAB0}-\x{AAB8}\x{AABE}-\x{AAC1}\x{3099}\x{309A}\x{30FC}\x{FF70}\x{FF9E}\x{FF9F}]*[!-/:-@\[-`{-~\x{A1}-\x{BF}\x{2010}-\x{2027}\x{2030}-\x{205E}\x{3001}-\x{3003}\x{3008}-\x{3020}\x{3030}\x{30FB}\x{FF01}-\x{FF0F}\x{FF1A}-\x{FF20}\x{FF3B}-\x{FF40}\x{FF5B}-\x{FF65}]*|[^\x{9}-\x{D}\x{1C}- \x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}\x{3005}-\x{3007}\x{3021}-\x{3029}\x{3038}-\x{303B}\x{3041}-\x{3096}\x{3099}\x{309A}\x{309D}-\x{309F}\x{30A1}-\x{30FA}\x{30FC}-\x{30FF}\x{31F0}-\x{31FF}\x{3400}-\x{4DBF}\x{4E00}-\x{9FFF}\x{F900}-\x{FAFF}\x{FF66}-\x{FF9F}\x{1B000}-\x{1B16F}\x{20000}-\x{3FFFD}\x{E01}-\x{E3A}\x{E40}-\x{E4E}\x{E81}-\x{ECD}\x{EDC}-\x{EDF}\x{1000}-\x{103F}\x{1050}-\x{108F}\x{109A}-\x{109D}\x{1780}-\x{17D3}\x{17DC}\x{17DD}\x{1950}-\x{19C9}\x{1A20}-\x{1A7F}\x{A9E0}-\x{A9EF}\x{A9FA}-\x{A9FE}\x{AA60}-\x{AADD}]+')) AS rejected_words
FROM pairs
    JOIN report_pairing ON report_pairing.key = pairs.pairing
    JOIN (SELECT DISTINCT key, text, answer FROM responses WHERE failure IS NULL) AS chosen ON chosen.key = pairs.chosen
    JOIN (SELECT DISTINCT key, text, answer FROM responses WHERE failure IS NULL) AS rejected
        ON rejected.key = pairs.rejected;

CREATE OR REPLACE TEMP VIEW report_training AS
SELECT * FROM trainings
ORDER BY pairing IN (SELECT key FROM report_pairing) DESC, rowid DESC LIMIT 1;

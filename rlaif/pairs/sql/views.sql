-- The views that a strategy may read; they are computed only if it does. Prompts and responses are row numbers.
-- `candidates` is `all_candidates` or, while a strategy runs in parts, those of some prompts:
-- one row per distinct answer that has all its scores and that no filter dropped; `scores` are those by every
-- criterion with weight, in the order of the criteria's names, if the strategy's text contains that word; `written_by`, the
-- names of the generators that wrote the text, likewise (see `views_with_generators`). `marks`: one row per candidate and
-- criterion. `texts`: one row per candidate, with its length in characters, and in tokens as its server counted them (a
-- quarter of the characters if it did not, or counted reasoning too). `compared`: one row per comparison of two candidates,
-- by any judge; several voters that are mixed count as one judge. `strength` is 0 for a tie and 1 for a plain vote.
CREATE OR REPLACE TEMP VIEW all_candidates AS
SELECT answers.* EXCLUDE (complete, first, repeated)
FROM answers
ANTI JOIN filtered ON filtered.response = answers.response
ANTI JOIN (FROM filtered WHERE response IS NULL) AS whole ON whole.prompt = answers.prompt
WHERE complete AND first;

CREATE OR REPLACE TEMP VIEW candidates AS FROM all_candidates;

CREATE OR REPLACE TEMP VIEW texts AS
SELECT candidates.prompt, candidates.response, responses.answer, coalesce(names.name, responses.generator) AS generator,
    responses.text, length(responses.text) AS length,
    if(reasoning IS NULL AND output_tokens IS NOT NULL, output_tokens, length(responses.text) // 4)::BIGINT AS tokens
FROM candidates
JOIN responses ON responses.rowid = candidates.response
LEFT JOIN generator_names AS names ON names.key = responses.generator;

CREATE OR REPLACE TEMP VIEW marks AS
SELECT candidates.prompt, candidates.response, scored.name AS criterion, kind, weight, factor, low, high, score
FROM candidates
JOIN responses ON responses.rowid = candidates.response
JOIN scored ON scored.answer = responses.answer;

CREATE OR REPLACE TEMP VIEW compared AS
SELECT first.prompt, first.response AS first, second.response AS second, judge, preferred,
    CASE WHEN preferred = 'tie' THEN 0 WHEN verdict IS NULL THEN coalesce(abs(2 * probability - 1), 1) ELSE 1 END AS strength
FROM ballots
JOIN texts AS first ON first.answer = ballots.first
JOIN texts AS second ON second.answer = ballots.second
WHERE ballots.first <> ballots.second AND preferred IS NOT NULL

-- A store of schema 4 becomes one of schema 5: of outcomes, only the reasons that do not follow from others; replies of models
-- that are asked beside units; which run made a pairing, and by which command.
CREATE TABLE reasons AS
WITH told AS (
    SELECT *, response IS NOT NULL AND (starts_with(outcome, 'prompt without a pair: ')
        OR outcome IN ('chosen', 'rejected', 'chosen and rejected', 'not selected by the strategy')) AS follows
    FROM outcomes
),
counts AS (
    SELECT pairing, prompt, count(*) AS others FROM told
    WHERE follows AND outcome NOT IN ('chosen', 'rejected', 'chosen and rejected') GROUP BY pairing, prompt
)
SELECT told.pairing, told.prompt, response, outcome AS reason,
    if(response IS NULL, coalesce(others, 0), NULL)::UBIGINT AS others
FROM told LEFT JOIN counts ON counts.pairing = told.pairing AND counts.prompt = told.prompt
WHERE NOT follows;
DROP TABLE outcomes;
CREATE TABLE asides (
    run VARCHAR, stage VARCHAR, model VARCHAR, calls UBIGINT, prompt_tokens UBIGINT, guessed UBIGINT, created TIMESTAMP
);
ALTER TABLE pairings ADD COLUMN run VARCHAR;
ALTER TABLE runs ADD COLUMN command VARCHAR;

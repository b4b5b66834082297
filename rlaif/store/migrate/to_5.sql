-- Migrates a store from schema 4 to schema 5: `outcomes` becomes `reasons`, which holds only outcomes that do not follow
-- from others; model calls besides units are recorded; pairings record their run, and runs their command.
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

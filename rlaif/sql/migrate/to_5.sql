-- A store of schema 4 becomes one of schema 5: of outcomes, only the reasons that do not follow from others; replies of models
-- that are asked beside units.
CREATE TABLE reasons AS
SELECT pairing, prompt, response, outcome AS reason FROM outcomes
WHERE response IS NULL OR NOT (starts_with(outcome, 'prompt without a pair: ')
    OR outcome IN ('chosen', 'rejected', 'chosen and rejected', 'not selected by the strategy'));
DROP TABLE outcomes;
CREATE TABLE asides (
    run VARCHAR, stage VARCHAR, model VARCHAR, calls UBIGINT, prompt_tokens UBIGINT, guessed UBIGINT, created TIMESTAMP
);

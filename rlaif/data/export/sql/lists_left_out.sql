-- Prompts of a pairing without a ranked list.
SELECT 'prompts with fewer than two scored answers' AS reason,
    count(DISTINCT prompt) - (SELECT count(*) FROM lists) AS n
FROM reasons WHERE pairing = $pairing AND response IS NULL

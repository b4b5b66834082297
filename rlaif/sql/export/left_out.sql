-- What of the pairs a form leaves out, by reason: one row a form and reason.
SELECT 'soft' AS form, 'pairs without a known confidence' AS reason, count(*) AS n FROM export WHERE confidence IS NULL
UNION ALL
SELECT 'unpaired', 'sides of answers that are chosen in one pair and rejected in another', 2 * count(DISTINCT chosen_id)
FROM export WHERE chosen_id IN (SELECT rejected_id FROM export)
UNION ALL
SELECT 'unpaired', 'sides of answers that stand already',
    2 * count(*) - count(DISTINCT chosen_id) - count(DISTINCT rejected_id) FROM export
UNION ALL
SELECT 'sft', 'pairs whose chosen answer stands already', count(*) - count(DISTINCT chosen_id) FROM export

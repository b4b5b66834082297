-- What of the pairs the form $form leaves out, by reason: no row where it has them all.
SELECT 'pairs without a known confidence' AS reason, count(*) AS n FROM export WHERE $form = 'soft' AND confidence IS NULL
UNION ALL
SELECT 'sides of answers that are chosen in one pair and rejected in another', 2 * count(DISTINCT chosen_id)
FROM export WHERE $form = 'unpaired' AND chosen_id IN (SELECT rejected_id FROM export)
UNION ALL
SELECT 'sides of answers that stand already', 2 * count(*) - count(DISTINCT chosen_id) - count(DISTINCT rejected_id)
FROM export WHERE $form = 'unpaired'
UNION ALL
SELECT 'pairs whose chosen answer stands already', count(*) - count(DISTINCT chosen_id) FROM export WHERE $form = 'sft'

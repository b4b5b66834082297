-- Pairs and responses that the form $form leaves out, by reason.
SELECT 'pairs without a known confidence' AS reason, count(*) AS n FROM pair_texts WHERE $form = 'soft' AND confidence IS NULL
UNION ALL
SELECT 'sides of responses that are chosen in one pair and rejected in another', 2 * count(DISTINCT chosen_id)
FROM pair_texts WHERE $form = 'unpaired' AND chosen_id IN (SELECT rejected_id FROM pair_texts)
UNION ALL
SELECT 'sides that repeat a response', 2 * count(*) - count(DISTINCT chosen_id) - count(DISTINCT rejected_id)
FROM pair_texts WHERE $form = 'unpaired'
UNION ALL
SELECT 'pairs that repeat a chosen response', count(*) - count(DISTINCT chosen_id) FROM pair_texts WHERE $form = 'sft'

-- What of the pairs a form leaves out, by reason: one row a form and reason.
SELECT 'soft' AS form, 'pairs without a known confidence' AS reason, count(*) AS n FROM export WHERE confidence IS NULL
UNION ALL
SELECT 'unpaired', 'sides of answers that are chosen in one pair and rejected in another',
    count(*) FILTER (chosen_contested AND chosen_first) + count(*) FILTER (rejected_contested AND rejected_first) FROM export
UNION ALL
SELECT 'unpaired', 'sides of answers that stand already',
    count(*) FILTER (NOT chosen_first) + count(*) FILTER (NOT rejected_first) FROM export
UNION ALL
SELECT 'sft', 'pairs whose chosen answer stands already', count(*) FILTER (NOT chosen_first) FROM export

-- TRL's unpaired form, for KTO: one row an answer, labelled good or not.
SELECT prompt, completion, label, prompt_id, response_id FROM (
    SELECT row_number() OVER () AS place, * FROM export WHERE split = $split
) CROSS JOIN LATERAL (
    VALUES (1, chosen, true, chosen_id), (2, rejected, false, rejected_id)
) AS side (turn, completion, label, response_id)
ORDER BY place, turn

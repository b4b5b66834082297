-- TRL's unpaired form, for KTO: one row a distinct answer, labelled good or not. Answers that one pair calls good and
-- another not are not here.
SELECT prompt, completion, label, prompt_id, response_id
FROM export CROSS JOIN LATERAL (
    VALUES (1, chosen, true, chosen_id, chosen_first AND NOT chosen_contested),
        (2, rejected, false, rejected_id, rejected_first AND NOT rejected_contested)
) AS side (turn, completion, label, response_id, plain)
WHERE split = $split AND place >= $start AND place < $stop AND plain
ORDER BY place, turn

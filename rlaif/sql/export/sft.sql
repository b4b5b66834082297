-- Chosen answers alone, for supervised fine-tuning: one row a distinct chosen answer.
SELECT prompt, chosen AS completion, prompt_id, chosen_id AS response_id
FROM export WHERE split = $split AND place >= $start AND place < $stop AND chosen_first
ORDER BY place

-- Chosen responses only, for supervised fine-tuning: one row per distinct chosen response.
SELECT prompt, chosen AS completion, prompt_id, chosen_id AS response_id
FROM export WHERE split = $split AND place >= $start AND place < $stop
    AND place IN (SELECT min(place) FROM export WHERE split = $split GROUP BY chosen_id)
ORDER BY place

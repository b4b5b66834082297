-- Chosen answers alone, for supervised fine-tuning: one row a distinct chosen answer.
SELECT prompt, any_value(chosen) AS completion, prompt_id, chosen_id AS response_id
FROM (SELECT row_number() OVER () AS place, * FROM export WHERE split = $split)
GROUP BY prompt, prompt_id, chosen_id
ORDER BY min(place)

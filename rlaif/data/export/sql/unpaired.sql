-- TRL's unpaired form, for KTO: one row per distinct response, labelled good or not. Responses that are chosen in one pair and
-- rejected in another are left out.
WITH good AS (
    SELECT chosen_id AS id, min(place) AS place FROM export WHERE split = $split GROUP BY chosen_id
),
bad AS (
    SELECT rejected_id AS id, min(place) AS place FROM export WHERE split = $split GROUP BY rejected_id
),
sides AS (
    SELECT place, 1 AS turn, id FROM good ANTI JOIN bad USING (id)
    UNION ALL
    SELECT place, 2, id FROM bad ANTI JOIN good USING (id)
)
SELECT prompt, if(turn = 1, chosen, rejected) AS completion, turn = 1 AS label, prompt_id, id AS response_id
FROM export JOIN sides USING (place)
WHERE split = $split AND place >= $start AND place < $stop
ORDER BY place, turn

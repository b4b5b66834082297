-- TRL's implicit form for reward models: whole conversations, with the margin as a share of the scale, from 0 to 1.
SELECT prompt || chosen AS chosen, prompt || rejected AS rejected, margin / 100 AS margin, prompt_id, chosen_id, rejected_id
FROM export WHERE split = $split AND place >= $start AND place < $stop
ORDER BY place

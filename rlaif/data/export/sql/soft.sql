-- Soft labels: the preference form with the probability that the chosen response is better, for losses that use one
-- (conservative DPO: Mitchell 2023). Pairs without a probability are left out.
SELECT prompt, chosen, rejected, confidence AS probability, prompt_id, chosen_id, rejected_id
FROM export WHERE split = $split AND place >= $start AND place < $stop AND confidence IS NOT NULL
ORDER BY place

-- Soft labels: the preference form with the probability that the chosen answer is the better one, for losses that take
-- one (conservative DPO: Mitchell 2023). Pairs of which no probability is known are not here.
SELECT prompt, chosen, rejected, confidence AS probability, prompt_id, chosen_id, rejected_id
FROM export WHERE split = $split AND place >= $start AND place < $stop AND confidence IS NOT NULL
ORDER BY place

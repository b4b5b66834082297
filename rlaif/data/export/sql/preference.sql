-- TRL's explicit conversational preference form, for DPO and ORPO: prompt, chosen and rejected are lists of messages.
SELECT prompt, chosen, rejected, margin, confidence, prompt_id, chosen_id, rejected_id
FROM export WHERE split = $split AND place >= $start AND place < $stop
ORDER BY place

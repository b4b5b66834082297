-- The judged pairs that are kept, in the order of their prompts' arrival.
INSERT INTO pairs
SELECT $pairing, judged.prompt, chosen, rejected, margin, confidence
FROM judged JOIN prompts ON prompts.key = judged.prompt
WHERE kept
ORDER BY prompts.position, lead DESC, chosen, rejected

-- Number of a pairing's pairs, and of those whose prompt's bucket is below $held_out.
SELECT count(*) AS made, count(*) FILTER (bucket < $held_out) AS held_out
FROM pairs JOIN current_prompts AS prompts ON prompts.key = pairs.prompt
WHERE pairing = $pairing

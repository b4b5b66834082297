-- Every two responses that differ by the margin, the widest first, at most $per_prompt a prompt.
SELECT better.prompt, better.response AS chosen, worse.response AS rejected, better.points - worse.points AS lead
FROM candidates AS better
JOIN candidates AS worse ON worse.prompt = better.prompt
    AND worse.points < better.points AND better.points - worse.points >= $threshold
WHERE NOT better.vetoed
QUALIFY row_number() OVER (PARTITION BY better.prompt ORDER BY lead DESC, better.coin, worse.coin) <= $per_prompt

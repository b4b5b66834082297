-- The chosen response is no worse on any criterion with weight, and better in all: no trade is hidden in the sum. The
-- widest lead first, at most $per_prompt a prompt.
SELECT better.prompt, better.response AS chosen, worse.response AS rejected, better.points - worse.points AS lead
FROM candidates AS better
JOIN candidates AS worse ON worse.prompt = better.prompt
    AND worse.points < better.points AND better.points - worse.points >= $threshold
    AND list_bool_and(list_transform(better.scores, lambda score, place: score >= worse.scores[place]))
WHERE NOT better.vetoed
QUALIFY row_number() OVER (PARTITION BY better.prompt ORDER BY lead DESC, better.coin, worse.coin) <= $per_prompt

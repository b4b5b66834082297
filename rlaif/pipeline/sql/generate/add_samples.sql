-- Requests more samples for at most $prompts of the prompts that have no pair in $pairing for a reason that more samples may
-- fix: those with the fewest samples first, then in the order of arrival. Each of $generators that answers such a prompt (see
-- `pending`) gets `more` samples, but at most $most in total. Prompts outside the generators' part get none.
INSERT INTO extra_samples
WITH generators AS (
    SELECT unnest($generators::STRUCT(generator VARCHAR, more BIGINT, pick_name VARCHAR, pick_from VARCHAR[], pick BIGINT, pick_seed BIGINT)[],
        recursive := true)
),
short AS (
    SELECT prompts.key AS prompt, generators.generator, any_value(prompts.position) AS position, any_value(more) AS more,
        coalesce(max(responses.sample) + 1, 0) AS samples
    FROM current_prompts AS prompts
    SEMI JOIN (FROM reasons WHERE pairing = $pairing AND response IS NULL
        AND reason NOT IN ('paired', 'over the target', 'over the quota', 'confidence not known') AND NOT starts_with(reason, 'filtered')) AS reasons
        ON reasons.prompt = prompts.key
    CROSS JOIN generators
    LEFT JOIN responses ON responses.prompt = prompts.key AND responses.generator = generators.generator
    WHERE (bucket < $reserved OR bucket % $parts = $part)
        AND len(list_filter(pick_from, lambda other:
            md5(concat_ws('/', pick_seed, prompts.key, other)) < md5(concat_ws('/', pick_seed, prompts.key, pick_name)))) < pick
    GROUP BY prompts.key, generators.generator
),
selected AS (
    SELECT prompt FROM short WHERE samples < $most GROUP BY prompt ORDER BY sum(samples), min(position) LIMIT $prompts
)
SELECT generator, prompt, least(samples + more, $most)
FROM short SEMI JOIN selected USING (prompt)
WHERE samples < $most
ORDER BY position, generator

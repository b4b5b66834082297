-- Requests $more samples each for at most $prompts of the prompts that have no pair in $pairing for a reason that more
-- samples may fix: those with the fewest samples first, then in the order of arrival. No prompt gets more than $most samples
-- in total, and prompts outside the generator's part get none.
INSERT INTO extra_samples
WITH short AS (
    SELECT prompts.key AS prompt, any_value(prompts.position) AS position, coalesce(max(responses.sample) + 1, 0) AS samples
    FROM current_prompts AS prompts
    SEMI JOIN (FROM reasons WHERE pairing = $pairing AND response IS NULL
        AND reason NOT IN ('paired', 'over the target', 'over the quota', 'confidence not known') AND NOT starts_with(reason, 'filtered')) AS reasons
        ON reasons.prompt = prompts.key
    LEFT JOIN responses ON responses.prompt = prompts.key AND responses.generator = $generator
    WHERE bucket < $reserved OR bucket % $parts = $part
    GROUP BY prompts.key
)
SELECT $generator, prompt, least(samples + $more, $most)
FROM short WHERE samples < $most
ORDER BY samples, position
LIMIT $prompts

-- The samples that a generator still owes, one row a prompt, in the order of arrival. A sample is owed if it was never
-- made, or if it failed in a way that may pass and was tried fewer than $attempts times; attempts from before it was owed
-- again on demand do not count. $samples are wanted of every
-- prompt, and of those that were topped up more, but at most $most; of the prompts whose bucket is not below $reserved,
-- only part $part of $parts has any. `owed` is how many there are in all.
WITH tried AS (
    SELECT prompt, sample, any_value(key) AS key, bool_or(failure IS NULL) AS made, count(*) AS attempts,
        arg_max(failure, attempt) AS failure
    FROM responses
    WHERE generator = $generator
    GROUP BY prompt, sample
),
forgiven AS (SELECT unit, max(attempts) AS attempts FROM retries GROUP BY unit),
wanted AS (
    SELECT prompts.key AS prompt, position,
        unnest(range(greatest($samples::BIGINT, least(coalesce(more.samples, 0), $most::BIGINT)))) AS sample
    FROM (
        FROM current_prompts
        WHERE bucket < $held_out AND (bucket < $reserved OR bucket % $parts = $part)
        ORDER BY position
        LIMIT coalesce($limit::BIGINT, 9223372036854775807)
    ) AS prompts
    LEFT JOIN (
        SELECT prompt, max(samples) AS samples FROM extra_samples WHERE generator = $generator GROUP BY prompt
    ) AS more ON more.prompt = prompts.key
),
owed AS (
    SELECT wanted.prompt, wanted.position, wanted.sample, coalesce(tried.attempts, 0) AS attempts
    FROM wanted LEFT JOIN tried ON tried.prompt = wanted.prompt AND tried.sample = wanted.sample
    LEFT JOIN forgiven ON forgiven.unit = tried.key AND NOT made
    WHERE tried.prompt IS NULL OR tried.attempts = forgiven.attempts
        OR (NOT made AND tried.attempts - coalesce(forgiven.attempts, 0) < $attempts
            AND failure IN (SELECT unnest($transient::VARCHAR[])))
)
SELECT owed.prompt, list(owed.sample ORDER BY owed.sample) AS samples, max(owed.attempts) AS attempt,
    EXISTS (FROM rendered_prompts WHERE rendered_prompts.prompt = owed.prompt AND rendered_prompts.generator = $generator) AS shown,
    NOT EXISTS (FROM responses WHERE responses.prompt = owed.prompt) AS fresh,
    sum(count(*)) OVER () AS owed
FROM owed
GROUP BY owed.prompt, owed.position
ORDER BY owed.position

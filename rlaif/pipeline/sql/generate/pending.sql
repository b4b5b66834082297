-- The pending samples of a generator, one row per prompt, in the order of arrival. A sample is pending if it was never made,
-- or if it failed in a transient way and was tried fewer than $attempts times; attempts from before a `rlaif retry` do not
-- count. Every prompt gets $samples samples, and prompts in `extra_samples` get more, but at most $most. Of the prompts
-- whose bucket is $reserved or higher, only part $part of $parts is sampled. Of a pool, only the $pick generators with the
-- lowest digests of seed, prompt and name answer a prompt: this one, $pick_name, if fewer than $pick of
-- $pick_from have a lower digest.
-- `pending` is the number of pending samples over all prompts.
WITH tried AS (
    SELECT prompt, sample, any_value(key) AS key, bool_or(failure IS NULL) AS made, count(*) AS attempts,
        arg_max(failure, attempt) AS failure
    FROM responses
    WHERE generator = $generator
    GROUP BY prompt, sample
),
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
    WHERE len(list_filter($pick_from::VARCHAR[], lambda other:
        md5(concat_ws('/', $pick_seed, prompts.key, other)) < md5(concat_ws('/', $pick_seed, prompts.key, $pick_name)))) < $pick
),
units AS (
    SELECT wanted.prompt, wanted.position, wanted.sample, coalesce(tried.attempts, 0) AS attempts
    FROM wanted LEFT JOIN tried ON tried.prompt = wanted.prompt AND tried.sample = wanted.sample
    LEFT JOIN forgiven_attempts AS forgiven ON forgiven.unit = tried.key AND NOT made
    WHERE tried.prompt IS NULL OR tried.attempts = forgiven.attempts
        OR (NOT made AND tried.attempts - coalesce(forgiven.attempts, 0) < $attempts
            AND failure IN (SELECT unnest($transient::VARCHAR[])))
)
SELECT units.prompt, list(units.sample ORDER BY units.sample) AS samples, max(units.attempts) AS attempt,
    EXISTS (FROM rendered_prompts WHERE rendered_prompts.prompt = units.prompt AND rendered_prompts.generator = $generator) AS is_rendered,
    NOT EXISTS (FROM responses WHERE responses.prompt = units.prompt) AS fresh,
    sum(count(*)) OVER () AS pending
FROM units
GROUP BY units.prompt, units.position
ORDER BY units.position

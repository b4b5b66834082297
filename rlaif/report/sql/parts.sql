-- The prompts by source and by each column of their metadata that has few values: numbers of prompts, of those with a pair,
-- and of pairs; mean margin, and the mean score of the judges whose scores make the pairs, both in hundredths of the scale.
WITH parts AS MATERIALIZED (FROM report_parts),
paired AS (SELECT prompt, count(*) AS pairs, sum(margin)::DOUBLE AS margins, count(margin) AS measured FROM report_pairs GROUP BY prompt),
scored AS (
    SELECT responses.prompt, sum(100 * (score - low) / (high - low))::DOUBLE AS points, count(*) AS scores
    FROM report_scores AS scores
        JOIN (SELECT DISTINCT prompt, answer FROM report_responses WHERE failure IS NULL) AS responses ON responses.answer = scores.answer
    WHERE labels AND score IS NOT NULL
    GROUP BY responses.prompt
)
SELECT kind, part, count(*) AS prompts, count(paired.prompt) AS prompts_with_pairs, coalesce(sum(pairs), 0)::BIGINT AS pairs,
    sum(margins) / nullif(sum(measured), 0) AS margin, sum(points) / nullif(sum(scores), 0) AS score
FROM parts
    LEFT JOIN paired ON paired.prompt = parts.prompt
    LEFT JOIN scored ON scored.prompt = parts.prompt
GROUP BY kind, part
ORDER BY kind <> 'source', kind, prompts DESC, part

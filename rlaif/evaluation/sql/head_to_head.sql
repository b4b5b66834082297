-- Comparisons of base and trained responses by a judge, one row per held-out prompt. `win` is the trained side's share, from 0
-- to 1: the mean over pairs of responses of the mean over both orders. A comparison counts with the judge's probability if it
-- has one; equal responses tie. Pairs compared in one order only count in `one_order` alone, because the response shown first
-- may have won by its position; those that came with the data count, because their order is not recorded.
-- `win` is null if a prompt has no others. `swapped` counts the pairs shown in both orders,
-- `same` those of them where both orders agree, `decided` the comparisons that are not ties, and `first_won` those of them that
-- the response shown first won. Prompts and samples as in answers.sql.
WITH asked AS (
    SELECT key, position FROM current_prompts WHERE bucket < $held_out
    QUALIFY row_number() OVER (ORDER BY position, key) <= coalesce($limit::BIGINT, 9223372036854775807)
),
sampled AS (
    SELECT prompt, generator, answer, count(DISTINCT key) AS times FROM responses
    WHERE generator IN ($base, $trained) AND failure IS NULL
        AND sample < coalesce($samples::BIGINT, 9223372036854775807)
    GROUP BY prompt, generator, answer
),
opposed AS (
    SELECT base.prompt, base.answer AS base, trained.answer AS trained, base.times * trained.times AS times
    FROM sampled AS base JOIN sampled AS trained USING (prompt)
    WHERE base.generator = $base AND trained.generator = $trained
),
votes AS (
    SELECT prompt, first, second, criterion, repeat, preferred, imported,
        coalesce(probability::DOUBLE, CASE preferred WHEN 'first' THEN 1.0 WHEN 'second' THEN 0.0 ELSE 0.5 END) AS share
    FROM comparisons CROSS JOIN (
        SELECT count(*) > 0 AS imported FROM judges WHERE key = $judge AND spec = '{"kind": "imported"}'
    )
    WHERE judge = $judge AND preferred IS NOT NULL
),
shown AS (
    SELECT opposed.*, votes.first = trained AS ahead, preferred,
        if(votes.first = trained, share, 1 - share) AS win, imported,
        CASE WHEN preferred = 'tie' THEN 0 WHEN (preferred = 'first') = (votes.first = trained) THEN 1 ELSE -1 END AS side,
        bool_or(ahead) OVER orders AND NOT bool_and(ahead) OVER orders AS swapped
    FROM opposed JOIN votes ON votes.prompt = opposed.prompt
        AND ((votes.first = base AND votes.second = trained) OR (votes.first = trained AND votes.second = base))
    WHERE base <> trained
    WINDOW orders AS (PARTITION BY opposed.prompt, base, trained, criterion, repeat)
),
pairs AS (
    SELECT prompt, times, (avg(win) FILTER (ahead) + avg(win) FILTER (NOT ahead)) / 2 AS win, true AS swapped,
        sign(avg(side) FILTER (ahead)) = sign(avg(side) FILTER (NOT ahead)) AS same,
        count(*) FILTER (preferred <> 'tie') AS decided, count(*) FILTER (preferred = 'first') AS first_won, 0 AS one_order
    FROM shown WHERE swapped GROUP BY prompt, base, trained, times
    UNION ALL
    SELECT prompt, times, avg(win), false, NULL, 0, 0, 0 FROM shown WHERE NOT swapped AND imported GROUP BY prompt, base, trained, times
    UNION ALL
    SELECT prompt, NULL, NULL, false, NULL, 0, 0, count(*) FROM shown WHERE NOT swapped AND NOT imported GROUP BY prompt
    UNION ALL
    SELECT prompt, times, 0.5, false, NULL, 0, 0, 0 FROM opposed WHERE base = trained
)
SELECT pairs.prompt, sum(win * times) / sum(times) AS win, count(*) FILTER (swapped) AS swapped,
    count(*) FILTER (swapped AND same) AS same,
    sum(decided)::BIGINT AS decided, sum(first_won)::BIGINT AS first_won, sum(one_order)::BIGINT AS one_order
FROM pairs JOIN asked ON asked.key = pairs.prompt
GROUP BY pairs.prompt, asked.position
ORDER BY asked.position, pairs.prompt

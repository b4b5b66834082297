-- The pairs that the strategy made, with their margins and confidences. The confidence is the probability that the label is
-- right: the probability that the comparing judge gave, if it did; otherwise from the votes of the judges that compared the
-- two or are listed in `pair.agree`; otherwise from the margin and the spread of both (as if both were normal; by the
-- logistic approximation of Page 1977, error below 0.0002); otherwise null. A spread is the standard deviation of a
-- response's points as a share of the scale, if every criterion has one. Pairs are kept down to the confidence $least; if
-- that is 0, down to $even, if the confidence is known. If the pairs are made by votes, `tied` pairs are not kept: more
-- votes say that both are equal than that the chosen one is better.
CREATE OR REPLACE TEMP TABLE judged AS
WITH counted AS (
    SELECT chosen, rejected, sum(won)::BIGINT AS won, sum(lost)::BIGINT AS lost,
        coalesce(sum(even), 0)::BIGINT AS even,
        if(count(sure) = count(*), round(avg(sure), 6), NULL) AS sure
    FROM opinions GROUP BY chosen, rejected
),
sides AS (
    SELECT DISTINCT unnest([chosen, rejected]) AS response FROM made
    -- If no score can have a spread, the scores need not be scanned.
    WHERE EXISTS (FROM scores WHERE spread > 0 OR repeat > 0) OR EXISTS (FROM fitted)
),
spreads AS (
    SELECT sides.response, sqrt(sum(CAST(share * spread AS DECIMAL(18, 9)) * CAST(share * spread AS DECIMAL(18, 9)))) AS spread
    FROM sides
    JOIN responses ON responses.rowid = sides.response
    JOIN scored ON scored.answer = responses.answer
    WHERE weight > 0 AND spread IS NOT NULL
    GROUP BY sides.response HAVING count(*) = (SELECT count(*) FROM weighed WHERE weight > 0)
),
weighed_pairs AS (
    SELECT made.prompt, made.chosen, made.rejected, made.lead, won, lost, even, sure,
        CASE WHEN chosen.spread + rejected.spread > 0
            THEN made.lead::DOUBLE / $denominator / sqrt(chosen.spread * chosen.spread + rejected.spread * rejected.spread) END AS z
    FROM made
    LEFT JOIN spreads AS chosen ON chosen.response = made.chosen
    LEFT JOIN spreads AS rejected ON rejected.response = made.rejected
    LEFT JOIN counted ON counted.chosen = made.chosen AND counted.rejected = made.rejected
)
SELECT prompt, chosen, rejected, lead,
    CASE WHEN $denominator > 0 THEN CAST(100 * lead / $denominator AS DECIMAL(18, 6))
        WHEN $scaled THEN CAST(100 * lead AS DECIMAL(18, 6)) END AS margin,
    coalesce(sure, sided(won, lost), round(1 / (1 + exp(-2 * sqrt(2 / pi()) * (z + 0.044715 * z * z * z))), 6)) AS confidence,
    coalesce(even > won - even, false) AS tied,
    NOT tied AND if($least = 0, coalesce(confidence >= $even, true), coalesce(confidence >= $least, false)) AS kept
FROM weighed_pairs

-- Pairs of responses without a vote by this person: at most $per_prompt pairs per prompt. Which response is shown first depends
-- on $seed only, and so do the selection and the order if not $informative; otherwise the pairs come first on which judges
-- disagree, then those whose label has the lowest confidence. The generators are not shown.
WITH answers AS (
    SELECT responses.prompt, responses.answer, any_value(responses.text) AS text
    FROM responses SEMI JOIN current_prompts ON current_prompts.key = responses.prompt
    WHERE responses.failure IS NULL AND responses.generator IN (SELECT unnest($generators::VARCHAR[]))
    GROUP BY responses.prompt, responses.answer
),
ranked AS (
    SELECT a, b, row_number() OVER (ORDER BY disagreement DESC, confidence NULLS LAST, margin NULLS LAST, a, b) AS rank
    FROM informative WHERE $informative
),
pairs AS (
    SELECT prompt, one.answer AS a, two.answer AS b, rank, md5($seed::VARCHAR || one.answer || two.answer) AS coin
    FROM answers AS one JOIN answers AS two USING (prompt) LEFT JOIN ranked ON ranked.a = one.answer AND ranked.b = two.answer
    WHERE one.answer < two.answer
    QUALIFY row_number() OVER (PARTITION BY prompt ORDER BY rank NULLS LAST, coin) <= $per_prompt
),
shown AS (
    SELECT prompt, coin, rank, if(coin[32] < '8', a, b) AS first, if(coin[32] < '8', b, a) AS second
    FROM pairs ANTI JOIN comparisons AS votes
        ON votes.judge = $judge AND least(votes.first, votes.second) = a AND greatest(votes.first, votes.second) = b
)
SELECT shown.prompt, shown.first, shown.second, one.text AS first_text, two.text AS second_text,
    prompts.messages, prompts.document
FROM shown
JOIN prompts ON prompts.key = shown.prompt
JOIN answers AS one ON one.prompt = shown.prompt AND one.answer = shown.first
JOIN answers AS two ON two.prompt = shown.prompt AND two.answer = shown.second
ORDER BY rank NULLS LAST, md5($seed::VARCHAR || shown.prompt), shown.coin
LIMIT coalesce($limit::BIGINT, 9223372036854775807)

-- The votes of other judges on each pair, one per judge: by the sum of their scores, with each criterion's scale normalized
-- to the same length, over the criteria by which both responses have a score; or by their comparisons, of which a judge's
-- count only in both orders. A tie is a vote for each. The scores that made the pair are one vote for it, if any other judge
-- votes and no comparison of the two has voted already.
INSERT INTO opinions BY NAME
WITH judges AS (SELECT DISTINCT unnest($agree::VARCHAR[]) AS judge),
scales AS (SELECT key, max(low) AS low, max(high) AS high FROM criteria GROUP BY key),
rated AS (
    SELECT judge, answer, criterion, CAST((score::DOUBLE - low) / (high - low) AS DECIMAL(18, 9)) AS part
    FROM latest_scores AS scores SEMI JOIN judges USING (judge) SEMI JOIN current_criteria USING (judge, criterion) JOIN scales ON scales.key = scores.criterion
    WHERE score IS NOT NULL
),
compared AS (
    SELECT judge, verdict, true AS forth, first AS one, second AS other, CASE preferred WHEN 'first' THEN 1 WHEN 'second' THEN -1 ELSE 0 END AS vote
    FROM comparisons SEMI JOIN judges USING (judge) WHERE preferred IS NOT NULL
    UNION ALL
    SELECT judge, verdict, false, second, first, CASE preferred WHEN 'second' THEN 1 WHEN 'first' THEN -1 ELSE 0 END
    FROM comparisons SEMI JOIN judges USING (judge) WHERE preferred IS NOT NULL
),
own AS (SELECT DISTINCT chosen, rejected FROM opinions),
leads AS (
    SELECT chosen, rejected, one.judge, sum(one.part - other.part)::DOUBLE AS lead
    FROM pair_answers
    JOIN rated AS one ON one.answer = pair_answers.one
    JOIN rated AS other ON other.answer = pair_answers.other AND other.judge = one.judge AND other.criterion = one.criterion
    GROUP BY chosen, rejected, one.judge
    UNION ALL
    SELECT chosen, rejected, judge, sum(vote) FROM pair_answers JOIN compared USING (one, other) GROUP BY chosen, rejected, judge
    HAVING count(verdict) = 0 OR count(DISTINCT forth) = 2
)
SELECT leads.chosen, leads.rejected, count(*) FILTER (lead <= 0) AS lost,
    count(*) FILTER (lead >= 0) + if($compared OR any_value(own.chosen) IS NOT NULL, 0, 1) AS won
FROM leads LEFT JOIN own ON own.chosen = leads.chosen AND own.rejected = leads.rejected
GROUP BY leads.chosen, leads.rejected

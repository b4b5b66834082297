-- The same if each judge has a vote on every two responses of a prompt: points are the share of the others that a response
-- beats. Criteria and floors are those of the mean.
CREATE OR REPLACE TEMP VIEW answer_points AS
SELECT hash(scored.answer) AS digest, hash(substr(scored.answer, 1, 15)) AS prefix,
    coalesce(any_value(majority_points.points), 0) AS points, bit_or(bit) AS bits, bool_or(score < floor) AS below_floor,
    false AS repeated,
    list_transform(list_sort(list({'nth': nth, 'score': score}) FILTER (weight > 0)), lambda each: each.score) AS scores
FROM scored
LEFT JOIN majority_points ON majority_points.answer = scored.answer
GROUP BY scored.answer

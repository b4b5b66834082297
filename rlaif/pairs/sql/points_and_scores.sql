-- The same with the scores by every criterion with weight, in the order of the criteria's names, for a strategy that reads
-- them.
CREATE OR REPLACE TEMP VIEW answer_points AS
SELECT hash(answer) AS digest, hash(substr(answer, 1, 15)) AS prefix,
    sum(factor * (score - low)) AS points, bit_or(bit) AS bits, bool_or(score < floor) AS below_floor,
    count(*) > bit_count(bit_or(bit)) AS repeated,
    list_transform(list_sort(list({'nth': nth, 'score': score}) FILTER (weight > 0)), lambda each: each.score) AS scores
FROM scored
GROUP BY digest, prefix

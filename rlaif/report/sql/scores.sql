-- One row per judge and criterion: numbers of scored and failed responses, and a histogram of the scores as a map from bin to
-- count. The bins are centred on `steps` + 1 evenly spaced values from `low` to `high`: the scale's integers if there are few,
-- else 21 values. The judge whose scores make the pairs (`labels`) comes first.
SELECT judge, labels, criterion, low, high, steps,
    count(score) AS scored, count(failure) AS failed, avg(score)::DOUBLE AS mean, median(score)::DOUBLE AS middle,
    histogram(round((score - low) / (high - low) * steps)::INT) FILTER (score IS NOT NULL) AS bins
FROM (
    SELECT *, if(high - low = round(high - low) AND high - low BETWEEN 2 AND 20, high - low, 20)::INT AS steps FROM report_scores
)
GROUP BY judge, labels, criterion, place, low, high, steps
ORDER BY labels DESC, judge, place

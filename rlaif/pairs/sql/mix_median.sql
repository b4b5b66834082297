-- Scores of several judges, by median: the median of how far each puts the response above or below its mean for the prompt's
-- responses, plus the mean of those means, so that no judge decides by being stricter than the others.
CREATE OR REPLACE TEMP VIEW scored AS
WITH centres AS (
    SELECT place, prompt, criterion, CAST(sum(score) / count(*) AS DECIMAL(18, 9)) AS centre
    FROM whole GROUP BY place, prompt, criterion
),
medians AS (
    SELECT answer, criterion, CAST(median(score - centre) + sum(centre) / count(*) AS DECIMAL(18, 6)) AS score
    FROM whole JOIN centres USING (place, prompt, criterion)
    GROUP BY answer, criterion
)
SELECT answer, weighed.*, score, NULL::DECIMAL(18, 6) AS spread
FROM medians JOIN weighed ON weighed.criterion = medians.criterion

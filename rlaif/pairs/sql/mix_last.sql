-- Scores of a cascade: for all responses to a prompt, those of the last judge that the prompt was escalated to, otherwise
-- those of the first judge.
CREATE OR REPLACE TEMP VIEW scored AS
WITH judges AS (SELECT DISTINCT place, judge FROM panel),
lasts AS (
    SELECT prompt, max(later.place) AS place
    FROM cascade_escalations
    JOIN judges AS later ON later.judge = cascade_escalations.judge
    JOIN judges AS earlier ON earlier.judge = cascade_escalations.before AND earlier.place = later.place - 1
    GROUP BY prompt
)
SELECT answer, weighed.*, CAST(score AS DECIMAL(18, 6)) AS score, if(exact, 0, given.spread)::DECIMAL(18, 6) AS spread
FROM given
JOIN weighed ON weighed.criterion = given.criterion
LEFT JOIN lasts ON lasts.prompt = given.prompt
WHERE given.place = coalesce(lasts.place, 0)

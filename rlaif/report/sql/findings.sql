-- What $answers lack by the judges' findings (claims that are not supported, key points that are missing, items that are not
-- met), at most $shown of each answer, judge and criterion, the worst first; `lacking` is how many there are. Of repeated
-- judgements, one counts. Texts end after $most characters.
WITH mine AS (
    FROM findings WHERE answer IN (SELECT unnest($answers::VARCHAR[]))
    QUALIFY verdict = min(verdict) OVER (PARTITION BY answer, judge, criterion)
)
SELECT mine.answer, scores.judge, scores.criterion, left(mine.text, $most) AS text, outcome, count(*) OVER same AS lacking
FROM mine JOIN report_scores AS scores
    ON scores.answer = mine.answer AND scores.judge_key = mine.judge AND scores.criterion_key = mine.criterion
WHERE coalesce(earned < 1, outcome = 'none')
WINDOW same AS (PARTITION BY mine.answer, scores.judge, scores.criterion)
QUALIFY row_number() OVER (
    PARTITION BY mine.answer, scores.judge, scores.criterion ORDER BY earned NULLS LAST, position
) <= $shown
ORDER BY mine.answer, scores.judge, scores.criterion, earned NULLS LAST, position

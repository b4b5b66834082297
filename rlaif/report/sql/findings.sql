-- What the responses in $answers lack according to the judges (unsupported claims, missing key points, unmet items): at most
-- $shown findings per response, judge and criterion, worst first; `lacking` is their full number. Of repeated judgements, only
-- one is used. Texts are cut after $most characters.
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

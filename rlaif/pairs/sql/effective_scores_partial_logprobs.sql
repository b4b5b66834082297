-- The same if only some replies have expected values. An expected 4.4 for one answer and a plain 4 for another may be the
-- same verdict, so plain values are used for a prompt, judge and criterion unless all of the prompt's answers have expected
-- values.
CREATE OR REPLACE TEMP TABLE uneven AS
SELECT judge, criterion, unnest(list(DISTINCT answer)) AS answer
FROM scores JOIN (
    SELECT DISTINCT prompt, answer FROM responses
    WHERE failure IS NULL AND generator IN (SELECT unnest($generators::VARCHAR[]))
) AS shown USING (answer)
WHERE value IS NOT NULL AND judge IN (SELECT unnest($judges::VARCHAR[]))
GROUP BY judge, criterion, prompt HAVING count(expected) NOT IN (0, count(*));

CREATE OR REPLACE TEMP VIEW effective_scores AS
SELECT scores.answer, scores.judge, scores.criterion,
    if(uneven.answer IS NULL, coalesce(expected, value), value) AS score, if(uneven.answer IS NULL, spread, NULL) AS spread
FROM scores LEFT JOIN uneven
    ON uneven.answer = scores.answer AND uneven.judge = scores.judge AND uneven.criterion = scores.criterion
WHERE value IS NOT NULL

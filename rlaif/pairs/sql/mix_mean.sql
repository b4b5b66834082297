-- Scores of several judges, by mean. Centring each judge within the prompt first, and adding the mean of the centres again,
-- gives the same result, because all judges have scored every response that counts. Judges are not divided by their spreads:
-- on one scale these differ by a third where it was measured (sd 1.36 to 1.76 of 10, WildBench); within a prompt, division
-- would exaggerate small differences, and over all prompts it would let each prompt move every margin. A floor holds for the
-- mixed score, on its scale.
CREATE OR REPLACE TEMP VIEW scored AS
WITH means AS (
    SELECT answer, criterion, CAST(sum(score) / count(*) AS DECIMAL(18, 6)) AS score FROM whole GROUP BY answer, criterion
)
SELECT answer, weighed.*, score, NULL::DECIMAL(18, 6) AS spread
FROM means JOIN weighed ON weighed.criterion = means.criterion

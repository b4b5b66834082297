-- Of several judges: their mean. Centring each judge within the prompt first, and putting the mean of the centres back, gives
-- the same, because all have scored every response that counts. Judges are not divided by their spreads: on one scale those
-- differ by a third where it was measured (sd 1.36 to 1.76 of 10, WildBench), within a prompt a division would make much of
-- little, and over all prompts it would let each prompt move every margin. A floor holds for the mix, on its scale.
CREATE OR REPLACE TEMP VIEW scored AS
WITH means AS (
    SELECT answer, criterion, CAST(sum(score) / count(*) AS DECIMAL(18, 6)) AS score FROM whole GROUP BY answer, criterion
)
SELECT answer, weighed.*, score, NULL::DECIMAL(18, 6) AS spread
FROM means JOIN weighed ON weighed.criterion = means.criterion

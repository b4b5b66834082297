-- The number of attacked answers of a judge, and the mean length of these generators' responses, in tokens of four
-- characters.
SELECT (SELECT count(*) FROM attacks WHERE judge = $judge) AS attacks,
    (SELECT avg(length(text)) / 4 FROM responses
        WHERE failure IS NULL AND generator IN (SELECT unnest($generators::VARCHAR[]))) AS length

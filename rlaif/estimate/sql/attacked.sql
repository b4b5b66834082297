-- How many changed answers of a judge there are, and how long these generators' responses are on the mean, in tokens of four
-- characters.
SELECT (SELECT count(*) FROM attacks WHERE judge = $judge) AS attacks,
    (SELECT avg(length(text)) / 4 FROM responses
        WHERE failure IS NULL AND generator IN (SELECT unnest($generators::VARCHAR[]))) AS length

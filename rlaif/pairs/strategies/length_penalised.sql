-- Best against worst by points minus lambda * length, with a fitted lambda: of 65 values from 0 to the one at which an
-- average length costs the whole range of points, the one whose pairs have a longer chosen response in the share nearest to
-- $longer (the smallest such value). It is fitted on at most 10,000 prompts drawn by the seed; equal lengths count half. A
-- pair also needs a margin in points without the penalty, so no label contradicts the judge.
-- $longer = 0.5: share of pairs whose chosen response is the longer one.
WITH measured AS (
    SELECT candidates.prompt, candidates.response, points, vetoed, coin, length
    FROM candidates JOIN texts ON texts.response = candidates.response
),
grid AS (
    SELECT CAST(top * step * step / 4096 AS DECIMAL(28, 12)) AS penalty
    FROM (SELECT ((max(points) - min(points))::DOUBLE / greatest(avg(length), 1)) AS top FROM measured), range(65) AS steps(step)
),
drawn AS (SELECT prompt FROM candidates GROUP BY prompt ORDER BY min(coin), prompt LIMIT 10000),
tried AS (
    SELECT penalty, prompt,
        arg_max({'points': points, 'length': length}, (points::DECIMAL(28, 6) - penalty * length, coin))
            FILTER (NOT vetoed) AS chosen,
        arg_min({'points': points, 'length': length}, (points::DECIMAL(28, 6) - penalty * length, coin)) AS rejected
    FROM measured SEMI JOIN drawn ON drawn.prompt = measured.prompt, grid
    GROUP BY penalty, prompt
),
shares AS (
    SELECT penalty, avg(1 + sign(chosen.length - rejected.length)) / 2 AS longer
    FROM tried WHERE chosen.points > rejected.points AND chosen.points - rejected.points >= $threshold
    GROUP BY penalty
),
fitted AS (SELECT coalesce(arg_min(penalty, (abs(longer - $longer), penalty)), 0) AS penalty FROM shares),
ends AS (
    SELECT prompt,
        arg_max({'response': response, 'points': points}, (points::DECIMAL(28, 6) - penalty * length, coin))
            FILTER (NOT vetoed) AS best,
        arg_min({'response': response, 'points': points}, (points::DECIMAL(28, 6) - penalty * length, coin)) AS worst
    FROM measured, fitted GROUP BY prompt
)
SELECT prompt, best.response AS chosen, worst.response AS rejected, best.points - worst.points AS lead
FROM ends WHERE lead > 0 AND lead >= $threshold

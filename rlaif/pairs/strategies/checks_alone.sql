-- A response that passes every check against a random one that fails by at least the margin, drawn by the seed. Other
-- criteria are ignored, and the margin is that of the checks. At most one pair per prompt.
WITH checked AS (
    SELECT response, bool_and(score = high) AS passes, sum(factor * (score - low))::DECIMAL(38, 6) AS points
    FROM marks WHERE kind = 'check' AND weight > 0 GROUP BY response
),
whole AS (SELECT max(points) AS points FROM checked WHERE passes),
drawn AS (
    SELECT candidates.prompt,
        arg_min({'response': candidates.response, 'points': checked.points}, coin) FILTER (passes AND NOT vetoed) AS best,
        arg_min({'response': candidates.response, 'points': checked.points}, coin)
            FILTER (NOT passes AND whole.points - checked.points >= $threshold) AS worst
    FROM candidates JOIN checked ON checked.response = candidates.response, whole
    GROUP BY candidates.prompt
)
SELECT prompt, best.response AS chosen, worst.response AS rejected, best.points - worst.points AS lead
FROM drawn WHERE lead > 0

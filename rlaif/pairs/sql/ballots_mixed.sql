-- The votes of several people or imported judges, mixed into those of one judge: each casts one ballot on every two answers,
-- the mean of its votes. By majority, only the side of each ballot counts; by mean, also how far it is on that side.
CREATE OR REPLACE TEMP TABLE mixed_ballots AS
WITH votes AS (
    SELECT judge, prompt, least(first, second) AS one, greatest(first, second) AS other, probability IS NOT NULL AS graded,
        coalesce(probability, CASE preferred WHEN 'first' THEN 1 WHEN 'tie' THEN 0.5 ELSE 0 END)::DECIMAL(18, 6) AS share,
        first < second AS forth
    FROM comparisons
    WHERE judge IN (SELECT unnest($judges::VARCHAR[])) AND verdict IS NULL AND preferred IS NOT NULL AND first <> second
),
means AS (
    SELECT judge, prompt, one, other, bool_or(graded) AS graded,
        CAST(sum(if(forth, share, 1 - share)) / count(*) AS DECIMAL(18, 6)) AS share
    FROM votes GROUP BY judge, prompt, one, other
)
SELECT prompt, one AS first, other AS second, $judge AS judge, 'overall' AS criterion,
    CASE WHEN share > 0.5 THEN 'first' WHEN share < 0.5 THEN 'second' ELSE 'tie' END AS preferred,
    NULL::VARCHAR AS verdict, NULL::UINTEGER AS repeat,
    CASE WHEN $mix = 'mean' AND (graded OR share NOT IN (0, 0.5, 1)) THEN share END AS probability
FROM means;

CREATE OR REPLACE TEMP VIEW ballots AS FROM mixed_ballots

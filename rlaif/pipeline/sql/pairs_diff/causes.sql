-- The criteria behind the pairs that changed, by fate: the mean contribution of each to the margin in $a and in $b
-- (hundredths of the scale), and the number of pairs in which it is the `cause`, the criterion that moved furthest in the
-- direction of the change. Only pairs with every score in both pairings count: `known` of `pairs`.
WITH moved AS (
    SELECT *, if(fate = 'gained', lead_b - lead_a, lead_a - lead_b) AS shift,
        bool_and(lead_a IS NOT NULL AND lead_b IS NOT NULL) OVER (PARTITION BY prompt, chosen, rejected) AS known
    FROM diff_leads
),
ranked AS (
    SELECT *, known AND shift > 0 AND row_number() OVER (
        PARTITION BY prompt, chosen, rejected ORDER BY shift DESC NULLS LAST, criterion
    ) = 1 AS cause
    FROM moved
)
SELECT fate, criterion, count(*) AS pairs, count(*) FILTER (known) AS known,
    avg(lead_a) FILTER (known) AS lead_a, avg(lead_b) FILTER (known) AS lead_b, count(*) FILTER (cause) AS cause
FROM ranked GROUP BY fate, criterion
ORDER BY array_position(['flipped', 'lost', 'gained'], fate), cause DESC, criterion

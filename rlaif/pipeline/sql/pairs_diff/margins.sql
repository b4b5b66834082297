-- The contribution of each criterion to the margin of every pair that differs between $a and $b, in hundredths of the scale
-- (`lead_a`, `lead_b`; null if the pairing lacks a score that it weighs). Criteria are matched by name.
CREATE OR REPLACE TEMP TABLE diff_leads AS
WITH spec AS (
    SELECT key AS pairing,
        CAST(spec ->> '$.criteria[0].denominator' AS DECIMAL(38, 0)) AS denominator
    FROM pairings WHERE key IN ($a, $b)
),
weighed AS (SELECT DISTINCT pairing, criterion, name, factor, low FROM pairing_criteria WHERE weight > 0 AND pairing IN ($a, $b)),
points AS (
    SELECT pairing, weighed.name, scores.answer,
        (100 * weighed.factor * (scores.score - weighed.low) / spec.denominator)::DOUBLE AS points
    FROM spec JOIN weighed USING (pairing)
    JOIN paired_scores AS scores ON scores.pairing = spec.pairing AND scores.criterion = weighed.criterion
),
changed AS (FROM diff WHERE fate <> 'same'),
names AS (SELECT DISTINCT name FROM weighed),
wanted AS (SELECT changed.*, names.name, weighs_a.name AS weighs_a, weighs_b.name AS weighs_b FROM changed CROSS JOIN names
    LEFT JOIN (FROM weighed WHERE pairing = $a) AS weighs_a ON weighs_a.name = names.name
    LEFT JOIN (FROM weighed WHERE pairing = $b) AS weighs_b ON weighs_b.name = names.name),
leads AS (
    SELECT changed.chosen, changed.rejected, chosen.pairing, chosen.name, chosen.points - rejected.points AS lead
    FROM changed
    JOIN points AS chosen ON chosen.answer = changed.chosen
    JOIN points AS rejected ON rejected.answer = changed.rejected AND rejected.pairing = chosen.pairing AND rejected.name = chosen.name
)
SELECT wanted.prompt, wanted.chosen, wanted.rejected, wanted.fate, wanted.name AS criterion,
    if(weighs_a IS NULL, 0, a.lead) AS lead_a, if(weighs_b IS NULL, 0, b.lead) AS lead_b
FROM wanted
LEFT JOIN (FROM leads WHERE pairing = $a) AS a ON a.chosen = wanted.chosen AND a.rejected = wanted.rejected AND a.name = wanted.name
LEFT JOIN (FROM leads WHERE pairing = $b) AS b ON b.chosen = wanted.chosen AND b.rejected = wanted.rejected AND b.name = wanted.name

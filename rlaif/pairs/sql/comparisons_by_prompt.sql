-- The comparisons, in two tables. `bouts` has one row per two answers, judge and criterion: the number of comparisons; how
-- many `one` won (a tie, or the judge's own probability, counts as a fraction); the votes `for` one and `against` it (a tie
-- is one vote for each); and `sure`, the mean probability of `one`, if the judge always gave it. A judge's comparisons count
-- if they were made in both orders, of responses that are to be paired; votes that came with the data all count. `contests`
-- has the bouts of a prompt's answers, one row per prompt, judge and criterion.
CREATE OR REPLACE TEMP TABLE bouts AS
WITH votes AS (
    SELECT judge, criterion, prompt, first < second AS forth, if(forth, first, second) AS one, if(forth, second, first) AS other,
        repeat, verdict, if(forth, probability, 1 - probability) AS chance,
        CASE WHEN preferred = 'tie' THEN 0.5 WHEN (preferred = 'first') = forth THEN 1 ELSE 0 END AS part
    FROM ballots
    WHERE judge IN (SELECT unnest($judges::VARCHAR[])) AND preferred IS NOT NULL AND first <> second
        AND ($compared OR criterion IN (SELECT unnest($criteria::VARCHAR[])))
),
mine AS (
    SELECT answer FROM responses SEMI JOIN (SELECT unnest([one, other]) AS answer FROM votes) USING (answer)
    WHERE failure IS NULL AND generator IN (SELECT unnest($generators::VARCHAR[]))
),
repeats AS (
    SELECT judge, criterion, prompt, one, other, sum(coalesce(chance, part)) AS won, count(*) AS comparisons,
        count(*) FILTER (part > 0) AS "for", count(*) FILTER (part < 1) AS against, sum(chance) AS chance, count(chance) AS known
    FROM votes
    GROUP BY judge, criterion, prompt, one, other, repeat
    HAVING count(verdict) = 0 OR bool_or(forth) AND NOT bool_and(forth)
        AND one IN (FROM mine) AND other IN (FROM mine)
)
SELECT judge, criterion, prompt, one, other, sum(won)::DOUBLE AS won, sum(comparisons)::BIGINT AS comparisons,
    sum("for")::BIGINT AS "for", sum(against)::BIGINT AS against,
    if(sum(known) = sum(comparisons), sum(chance)::DOUBLE / sum(known), NULL) AS sure
FROM repeats GROUP BY judge, criterion, prompt, one, other;

CREATE OR REPLACE TEMP TABLE contests AS
SELECT row_number() OVER (ORDER BY judge, criterion, prompt) AS place, judge, criterion,
    list({'one': one, 'other': other, 'won': won, 'comparisons': comparisons} ORDER BY one, other) AS bouts
FROM bouts GROUP BY judge, criterion, prompt

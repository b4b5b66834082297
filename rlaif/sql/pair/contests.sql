-- What was compared, one row a prompt, judge and criterion: `bouts` are its answers two by two, with how many comparisons
-- there were and how many of them the first won, a tie or the judge's own probability being a part of one. Of a judge's own
-- count those that it made in both orders, of the responses that are to be paired; of votes that came with the data, all.
CREATE OR REPLACE TEMP TABLE contests AS
WITH votes AS (
    SELECT judge, criterion, prompt, first, second, repeat, verdict,
        coalesce(probability, CASE preferred WHEN 'first' THEN 1 WHEN 'tie' THEN 0.5 ELSE 0 END) AS worth
    FROM comparisons
    WHERE judge IN (SELECT unnest($judges::VARCHAR[])) AND preferred IS NOT NULL AND first <> second
        AND ($compared OR criterion IN (SELECT unnest($criteria::VARCHAR[])))
),
mine AS (
    SELECT answer FROM responses WHERE failure IS NULL AND generator IN (SELECT unnest($generators::VARCHAR[]))
),
counted AS (
    FROM votes WHERE verdict IS NULL
    UNION ALL
    SELECT votes.* FROM votes SEMI JOIN votes AS swapped ON swapped.judge = votes.judge
        AND swapped.criterion = votes.criterion AND swapped.repeat = votes.repeat
        AND swapped.first = votes.second AND swapped.second = votes.first
    WHERE verdict IS NOT NULL AND first IN (FROM mine) AND second IN (FROM mine)
),
two AS (
    SELECT judge, criterion, prompt, least(first, second) AS one, greatest(first, second) AS other,
        sum(if(first < second, worth, 1 - worth))::DOUBLE AS won, count(*) AS comparisons
    FROM counted GROUP BY judge, criterion, prompt, one, other
)
SELECT row_number() OVER (ORDER BY judge, criterion, prompt) AS place, judge, criterion,
    list({'one': one, 'other': other, 'won': won, 'comparisons': comparisons} ORDER BY one, other) AS bouts
FROM two GROUP BY judge, criterion, prompt

-- What was compared. bouts: one row two answers, judge and criterion: how many comparisons there were, and how many of them
-- `one` won, a tie or the judge's own probability being a part; the votes for `one` and for the other, a tie being one for
-- each; and `sure`, the mean probability of `one`, where the judge always gave it. Of a judge's own count those that it made in
-- both orders, of the responses that are to be paired; of votes that came with the data, all. contests: the bouts of a
-- prompt's answers, one row a prompt, judge and criterion.
CREATE OR REPLACE TEMP TABLE bouts AS
WITH votes AS (
    SELECT judge, criterion, prompt, first, second, repeat, verdict, preferred, probability,
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
sided AS (
    SELECT judge, criterion, prompt, first AS one, second AS other, worth, probability,
        preferred <> 'second' AS "for", preferred <> 'first' AS against
    FROM counted WHERE first < second
    UNION ALL
    SELECT judge, criterion, prompt, second, first, 1 - worth, 1 - probability, preferred <> 'first', preferred <> 'second'
    FROM counted WHERE first > second
)
SELECT judge, criterion, prompt, one, other, sum(worth)::DOUBLE AS won, count(*) AS comparisons,
    count(*) FILTER ("for") AS "for", count(*) FILTER (against) AS against,
    if(count(probability) = count(*), avg(probability), NULL) AS sure
FROM sided GROUP BY judge, criterion, prompt, one, other;

CREATE OR REPLACE TEMP TABLE contests AS
SELECT row_number() OVER (ORDER BY judge, criterion, prompt) AS place, judge, criterion,
    list({'one': one, 'other': other, 'won': won, 'comparisons': comparisons} ORDER BY one, other) AS bouts
FROM bouts GROUP BY judge, criterion, prompt

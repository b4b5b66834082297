-- The score of each answer by each of several judges and each criterion, on the pairing's scales: the mean over repeats, or
-- the strength fitted to comparisons. `all_of` is the number of judges that have the criterion, `judged_by` the number that gave
-- a score.
CREATE OR REPLACE TEMP TABLE given AS
WITH mine AS (
    SELECT DISTINCT prompt, answer FROM responses SEMI JOIN active_prompts ON active_prompts.prompt = responses.prompt
    WHERE failure IS NULL AND generator IN (SELECT unnest($generators::VARCHAR[]))
),
panel_scores AS (
    SELECT judge, criterion, answer, CAST(sum(score) / count(*) AS DECIMAL(18, 6)) AS score,
        if(count(spread) = count(*), sqrt(sum(spread * spread)) / count(*), NULL) AS spread
    FROM effective_scores WHERE judge IN (SELECT judge FROM panel)
    GROUP BY judge, criterion, answer
    UNION ALL
    SELECT judge, criterion, answer, score, spread FROM fitted
)
SELECT mine.prompt, mine.answer, place, mixed AS criterion, judges AS all_of,
    count(*) OVER (PARTITION BY mine.answer, mixed) AS judged_by,
    CAST(lowest + (score - low) * (highest - lowest) / (high - low) AS DECIMAL(18, 9)) AS score,
    CAST(spread * (highest - lowest) / (high - low) AS DECIMAL(18, 6)) AS spread
FROM panel_scores
JOIN panel ON panel.judge = panel_scores.judge AND panel.criterion = panel_scores.criterion
JOIN mine ON mine.answer = panel_scores.answer;

-- A response that lacks a judge's score is not mixed from the others' scores: these may be stricter or laxer, which would
-- shift the mixed score. It is left out with the reason.
CREATE OR REPLACE TEMP VIEW whole AS FROM given WHERE judged_by = all_of

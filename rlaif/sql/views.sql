-- The views: what stages, the report and people with SQL read.

-- The prompts in play: those that the pipeline's sources hold now.
CREATE VIEW current_prompts AS SELECT * FROM prompts SEMI JOIN collected ON collected.prompt = prompts.key;

-- One row per answer, judge and criterion: the mean over repeats of what the judge's reply gives (the expected value
-- where it has one), or the failure kind where no repeat has a value.
CREATE VIEW latest_scores AS
SELECT answer, judge, criterion,
    CAST(sum(coalesce(expected, value)) / count(value) AS DECIMAL(18, 6)) AS score,
    CAST(sqrt(sum(spread * spread)) / count(value) AS DECIMAL(18, 6)) AS spread,
    count(value) AS repeats,
    CASE WHEN count(value) = 0 THEN arg_max(failure, attempt) END AS failure,
    min(rationale) FILTER (value IS NOT NULL) AS rationale
FROM scores
GROUP BY answer, judge, criterion;

-- What a judge may be asked of: responses, and answers changed to mislead a judge as if the attacks on it had written them.
CREATE VIEW judgeable AS
SELECT prompt, answer, text, generator, failure FROM responses
UNION ALL SELECT prompt, answer, text, 'attack:' || judge, NULL FROM attacks;

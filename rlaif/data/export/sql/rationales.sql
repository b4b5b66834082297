-- The rationales behind a pairing's scores, one row per answer: a JSON object of texts by criterion. Those of several judges
-- follow each other, each after its judge's name.
CREATE OR REPLACE TABLE memory.export_rationales AS
WITH said AS (
    SELECT scores.answer, coalesce(names.name, scores.criterion) AS criterion,
        string_agg(if(judges.mix IS NULL, rationale, judges.name || ': ' || rationale), chr(10) || chr(10) ORDER BY judges.place) AS text
    FROM pairing_judges AS judges
    JOIN latest_scores AS scores ON scores.judge = judges.judge
    LEFT JOIN (SELECT key, max(name) AS name FROM criteria GROUP BY key) AS names ON names.key = scores.criterion
    WHERE judges.pairing = $pairing AND rationale IS NOT NULL
    GROUP BY ALL
)
SELECT answer, to_json(map_from_entries(list((criterion, text) ORDER BY criterion))) AS rationales FROM said GROUP BY answer;

-- The rationales of comparisons, one row per two answers in alphabetical order: those of either order shown.
CREATE OR REPLACE TABLE memory.comparison_rationales AS
SELECT least(first, second) AS one, greatest(first, second) AS other,
    list(rationale ORDER BY judges.place, first, repeat, rationale) AS rationales
FROM pairing_judges AS judges JOIN comparisons ON comparisons.judge = judges.judge
WHERE judges.pairing = $pairing AND rationale IS NOT NULL
GROUP BY ALL

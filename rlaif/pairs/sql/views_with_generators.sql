-- The view `all_candidates` for a strategy that reads `written_by`: the names of the generators of all copies of a text.
CREATE OR REPLACE TEMP VIEW all_candidates AS
SELECT answers.* EXCLUDE (complete, first, repeated),
    list_sort(list_distinct([names.name] || coalesce(others.names, []))) AS written_by
FROM answers
JOIN responses ON responses.rowid = answers.response
JOIN pairing_generators AS names ON names.generator = responses.generator
LEFT JOIN (
    SELECT response, list(name) AS names FROM copies JOIN pairing_generators USING (generator) GROUP BY response
) AS others ON others.response = answers.response
ANTI JOIN filtered ON filtered.response = answers.response
ANTI JOIN (FROM filtered WHERE response IS NULL) AS whole ON whole.prompt = answers.prompt
WHERE complete AND first;

CREATE OR REPLACE TEMP VIEW candidates AS FROM all_candidates

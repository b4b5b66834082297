-- TRL's stepwise supervision type: the steps of one completion, each correct or not.
-- card: TRL, "stepwise supervision"; trl-lib/math_shepherd (Apache-2.0)
-- columns: prompt, completions, labels
-- labels: true means that a step is correct. The steps are joined by line breaks; the response scores 1 if all are correct, else 0.
SELECT
    prompt,
    [to_json(array_to_string(list_transform(items(completions), lambda each: as_text(each)), E'\n'))] AS responses,
    [score(1, 'steps', 'all steps correct', if(list_bool_and(list_transform(items(labels), lambda each: as_code(each) = '1')), '1', '0'), 0, 1)] AS scores,
    CASE
        WHEN items(completions) IS NULL OR items(labels) IS NULL OR len(items(completions)) <> len(items(labels)) OR len(items(labels)) = 0
            THEN 'steps without one label each'
        WHEN list_bool_or(list_transform(items(completions), lambda each: as_text(each) IS NULL)) THEN 'a step that is not text'
        WHEN list_bool_or(list_transform(items(labels), lambda each: coalesce(as_code(each) NOT IN ('0', '1'), true)))
            THEN 'an unknown code in column ''labels'''
    END AS error
FROM source

-- UltraFeedback, raw: four responses, each with four ratings by GPT-4.
-- card: openbmb/UltraFeedback (MIT)
-- columns: instruction, completions
-- optional: source, models, correct_answers, incorrect_answers
-- labels: annotations.ASPECT.Rating is text from "1" (worst) to "5" (best); "N/A" means unrated. overall_score is not read, because
--   some of its values are known to be 10 where GPT-4 wrote 1.
SELECT
    instruction AS prompt,
    list_transform(items(completions), lambda each: each -> '$.response') AS responses,
    list_transform(items(completions), lambda each: each ->> '$.model') AS generators,
    flatten(list_transform(items(completions), lambda each, place: list_transform(
        list_zip(
            ['helpfulness', 'honesty', 'instruction_following', 'truthfulness'],
            json_extract(each, [
                '$.annotations.helpfulness.Rating', '$.annotations.honesty.Rating',
                '$.annotations.instruction_following.Rating', '$.annotations.truthfulness.Rating'
            ])
        ),
        lambda rated: score(place, 'gpt-4', rated[1], rating(rated[2]), 1, 5)
    ))) AS scores,
    {source: source, models: models, correct_answers: correct_answers, incorrect_answers: incorrect_answers} AS metadata,
    CASE
        WHEN items(completions) IS NULL THEN 'no list in column ''completions'''
        WHEN list_bool_or(list_transform(items(completions), lambda each: json_type(each -> '$.annotations') IS DISTINCT FROM 'OBJECT'))
            THEN 'a completion without annotations'
    END AS error
FROM source

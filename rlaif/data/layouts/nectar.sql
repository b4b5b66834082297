-- Nectar: seven responses to a transcript, ranked by GPT-4.
-- card: berkeley-nest/Nectar (Apache-2.0)
-- columns: prompt, answers
-- optional: source, turns, num_responses, good_natured
-- labels: answers[].rank is 1 for the best response; equal ranks are a tie.
SELECT
    to_json(CASE WHEN transcript(prompt)[-1] ->> 'content' = '' THEN transcript(prompt)[:-2] ELSE transcript(prompt) END) AS prompt,
    list_transform(items(answers), lambda each: each -> '$.answer') AS responses,
    list_transform(items(answers), lambda each: each ->> '$.model') AS generators,
    flatten(list_transform(items(answers), lambda one, place: list_transform(items(answers)[place + 1:], lambda other, after: CASE
        WHEN as_number(one -> '$.rank') <= as_number(other -> '$.rank')
        THEN preference(place, place + after, 'gpt-4', NULL, as_number(one -> '$.rank') = as_number(other -> '$.rank'))
        ELSE preference(place + after, place, 'gpt-4', NULL, false)
    END))) AS preferences,
    {source: source, good_natured: good_natured} AS metadata,
    CASE
        WHEN items(answers) IS NULL THEN 'no list in column ''answers'''
        WHEN list_bool_or(list_transform(items(answers), lambda each:
            coalesce(as_number(each -> '$.rank') < 1 OR as_number(each -> '$.rank') > len(items(answers)), true)))
            THEN 'a rank that is not a number from 1 to the number of answers'
        ELSE bad_transcript(prompt, 'prompt')
    END AS error
FROM source

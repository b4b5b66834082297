-- HelpSteer3-Preference: a conversation, two responses, the strength of the preference, and every annotator's vote.
-- card: nvidia/HelpSteer3 (CC-BY-4.0)
-- columns: context, response1, response2, overall_preference
-- optional: domain, language, individual_preference
-- types: context list
-- labels: from -3 (response1 is much better) over 0 (a tie) to 3 (response2 is much better); each vote has its own score.
SELECT
    context AS prompt,
    [response1, response2] AS responses,
    list_concat(
        strength_vote(as_number(overall_preference), 3, 'human'),
        coalesce(flatten(list_transform(items(individual_preference),
            lambda each, place: strength_vote(as_number(each -> '$.score'), 3, 'human:' || place))), [])
    ) AS preferences,
    {domain: domain, language: language} AS metadata,
    bad_strength(as_number(overall_preference), 3, 'overall_preference') AS error
FROM source

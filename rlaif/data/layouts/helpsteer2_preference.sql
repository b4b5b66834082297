-- HelpSteer2-Preference: two responses, the strength of the preference, and every annotator's vote.
-- card: nvidia/HelpSteer2, folder preference (CC-BY-4.0)
-- columns: prompt, response_1, response_2, preference_strength
-- optional: split, preference_statement, preference_elaboration, three_most_similar_preferences, all_preferences_unprocessed
-- labels: from -3 (response_1 is much better) over 0 (a tie) to 3 (response_2 is much better). Votes of -100 mean
--   that neither response is valid; they do not count.
SELECT
    marked_turns(prompt) AS prompt,
    [response_1, response_2] AS responses,
    list_concat(
        strength_vote(as_number(preference_strength), 3, 'human'),
        coalesce(flatten(list_transform(items(all_preferences_unprocessed),
            lambda each, place: strength_vote(as_number(each -> '$.strength'), 3, 'human:' || place))), [])
    ) AS preferences,
    {split: split, statement: preference_statement, elaboration: preference_elaboration} AS metadata,
    bad_strength(as_number(preference_strength), 3, 'preference_strength') AS error
FROM source

-- distilabel's UltraFeedback task: several generations with one rating each.
-- card: distilabel, task UltraFeedback (Apache-2.0)
-- columns: instruction, generations, ratings
-- optional: system_prompt, generation_models|model_names, rationales, model_name
-- labels: ratings[N] is about generations[N], from 1 (worst) to 5 (best); null means unrated.
SELECT
    CASE WHEN coalesce(trim(as_text(system_prompt)), '') = '' THEN instruction
        ELSE to_json([turn('system', system_prompt), turn('user', instruction)]) END AS prompt,
    items(generations) AS responses,
    list_transform(items(generation_models), lambda each: as_text(each)) AS generators,
    list_transform(items(ratings), lambda each, place: score(place, coalesce(as_text(model_name), 'rating'), 'overall', each, 1, 5)) AS scores,
    CASE WHEN coalesce(len(items(generations)) <> len(items(ratings)), true) THEN 'generations without one rating each' END AS error
FROM source

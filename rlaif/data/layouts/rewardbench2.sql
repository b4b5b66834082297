-- RewardBench 2: a prompt with lists of correct (chosen) and incorrect (rejected) responses.
-- card: allenai/reward-bench-2 (ODC-BY)
-- columns: prompt, chosen, rejected, num_correct, num_incorrect, subset
-- optional: id, models, total_completions
-- types: chosen list, rejected list
-- labels: every text in `chosen` is better than every one in `rejected`; texts of one list are not compared.
SELECT
    prompt,
    list_concat(items(chosen), items(rejected)) AS responses,
    flatten(list_transform(range(1, len(items(chosen)) + 1), lambda one: list_transform(
        range(len(items(chosen)) + 1, len(items(chosen)) + len(items(rejected)) + 1),
        lambda other: preference(one, other, 'rewardbench', NULL, false)
    ))) AS preferences,
    {subset: subset, id: id, models: models} AS metadata,
    CASE
        WHEN items(chosen) IS NULL OR items(rejected) IS NULL THEN 'no lists in columns ''chosen'' and ''rejected'''
        WHEN coalesce(len(items(chosen)) <> as_number(num_correct) OR len(items(rejected)) <> as_number(num_incorrect), true)
            THEN 'lists whose lengths are not num_correct and num_incorrect'
    END AS error
FROM source

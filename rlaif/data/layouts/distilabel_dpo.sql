-- distilabel's preference pairs, also those of Argilla: a chosen and a rejected conversation with ratings.
-- card: argilla/ultrafeedback-binarized-preferences-cleaned, argilla/distilabel-capybara-dpo-7k-binarized (Apache-2.0)
-- columns: chosen, rejected, chosen_rating|chosen-rating|rating_chosen, rejected_rating|rejected-rating|rating_rejected
-- optional: prompt, source, chosen_model|chosen-model, rejected_model|rejected-model
-- labels: ratings are from 1 (worst) to 5 (best), and may be means; equal ratings are a tie.
SELECT
    CASE WHEN json_type(chosen) = 'ARRAY' THEN chosen ELSE prompt END AS prompt,
    [chosen, rejected] AS responses,
    [as_text(chosen_model), as_text(rejected_model)] AS generators,
    [score(1, 'rating', 'overall', chosen_rating, 1, 5), score(2, 'rating', 'overall', rejected_rating, 1, 5)] AS scores,
    chosen_over_rejected('distilabel', chosen_rating, rejected_rating) AS preferences,
    {source: source} AS metadata,
    coalesce(out_of_range(chosen_rating, rejected_rating, 1, 5), bad_order(chosen_rating, rejected_rating)) AS error
FROM source

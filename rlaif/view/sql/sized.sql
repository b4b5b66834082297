-- The rows of the list with the lengths of the responses in characters.
WITH lengths AS MATERIALIZED (SELECT key, length(text) AS characters FROM responses WHERE failure IS NULL)
SELECT rows.*, one.characters AS chosen_characters, two.characters AS rejected_characters
FROM rows LEFT JOIN lengths AS one ON one.key = rows.chosen LEFT JOIN lengths AS two ON two.key = rows.rejected

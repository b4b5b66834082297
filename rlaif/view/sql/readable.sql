-- The rows of the list with their texts, lengths and names: the columns that a condition in SQL can use.
WITH texts AS (
    SELECT responses.key, text, length(text) AS characters, coalesce(names.name, generator) AS generator
    FROM responses LEFT JOIN generator_names AS names ON names.key = generator
    WHERE failure IS NULL
)
SELECT rows.prompt, rows.chosen, rows.rejected, margin, confidence, outcome, place,
    json_extract_string(messages, '$[#-1].content') AS request, document, source, metadata,
    one.text AS chosen_text, one.characters AS chosen_characters, one.generator AS chosen_generator,
    two.text AS rejected_text, two.characters AS rejected_characters, two.generator AS rejected_generator
FROM rows
JOIN prompts ON prompts.key = rows.prompt
LEFT JOIN texts AS one ON one.key = rows.chosen
LEFT JOIN texts AS two ON two.key = rows.rejected

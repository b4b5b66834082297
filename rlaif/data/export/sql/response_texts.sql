-- Everything about each response that an export shows, one row per response. Not a table: copying long texts costs more than
-- reading them twice.
CREATE OR REPLACE VIEW memory.response_texts AS
SELECT responses.key, responses.prompt, responses.answer, responses.generator AS generator_key,
    coalesce(names.name, responses.generator) AS generator, text, reasoning, scored.score, criterion_scores, rationales
FROM responses
LEFT JOIN generator_names AS names ON names.key = responses.generator
LEFT JOIN export_scores AS scored ON scored.answer = responses.answer
LEFT JOIN export_rationales AS said ON said.answer = responses.answer
WHERE failure IS NULL;

-- The messages of prompts as generators saw them.
CREATE OR REPLACE VIEW memory.shown_prompts AS
SELECT prompt, generator, min(messages) AS messages FROM rendered_prompts GROUP BY prompt, generator

-- One prompt as it was sent to each generator.
SELECT coalesce(names.name, rendered_prompts.generator) AS generator, rendered_prompts.messages
FROM rendered_prompts
LEFT JOIN generator_names AS names ON names.key = rendered_prompts.generator
WHERE rendered_prompts.prompt = $prompt
ORDER BY generator

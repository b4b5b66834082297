-- Prompts with imported responses that have no rendered form yet.
SELECT DISTINCT responses.prompt, responses.generator, prompts.messages, prompts.document, prompts.metadata
FROM responses
JOIN prompts ON prompts.key = responses.prompt
ANTI JOIN rendered_prompts ON rendered_prompts.prompt = responses.prompt AND rendered_prompts.generator = responses.generator

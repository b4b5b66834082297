-- Prompts with imported responses of which it is not yet written down how they are shown.
SELECT DISTINCT responses.prompt, responses.generator, prompts.messages, prompts.document
FROM responses
JOIN prompts ON prompts.key = responses.prompt
ANTI JOIN asks ON asks.prompt = responses.prompt AND asks.generator = responses.generator

-- All responses to one prompt, including failed attempts.
SELECT responses.key, coalesce(names.name, generator) AS generator, sample, answer, text, reasoning, finish,
    prompt_tokens, output_tokens, logprob, coalesce(attempt, 0) AS attempt, failure, detail
FROM responses
LEFT JOIN generator_names AS names ON names.key = responses.generator
WHERE prompt = $prompt
ORDER BY responses.rowid, generator, sample, attempt

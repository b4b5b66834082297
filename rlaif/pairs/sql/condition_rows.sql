-- The rows that `pair.filters.where` is a condition on: one per candidate. `source` is the name of the
-- prompt's file or dataset, without folder or owner.
SELECT candidates.prompt, candidates.response, prompts.source, prompts.metadata, prompts.request, prompts.document,
    texts.generator, responses.sample, texts.text, len(regexp_extract_all(texts.text, '{SQL_WORD}')) AS words
FROM candidates
JOIN texts ON texts.response = candidates.response
JOIN responses ON responses.rowid = candidates.response
JOIN (
    SELECT rowid AS prompt, regexp_replace(source, '^.*/|:[0-9]+$', '', 'g') AS source, metadata, document,
        list_filter(from_json(messages, '[{"role": "VARCHAR", "content": "VARCHAR"}]'), lambda turn: turn.role = 'user')[-1].content AS request
    FROM prompts SEMI JOIN active_prompts ON active_prompts.prompt = prompts.key
) AS prompts ON prompts.prompt = candidates.prompt

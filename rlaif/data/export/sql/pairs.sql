-- The pairs with texts as lists of messages, which most forms read.
CREATE OR REPLACE VIEW memory.export AS
SELECT split, place, from_json(messages, '[{"role": "VARCHAR", "content": "VARCHAR"}]') AS prompt,
    [{'role': 'assistant', 'content': chosen}] AS chosen, [{'role': 'assistant', 'content': rejected}] AS rejected,
    CAST(margin AS DOUBLE) AS margin, confidence, prompt_id, chosen_id, rejected_id
FROM pair_texts

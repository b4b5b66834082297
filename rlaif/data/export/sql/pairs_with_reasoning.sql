-- The same with each response's reasoning as `reasoning_content`, which chat templates of reasoning models and TRL read.
CREATE OR REPLACE VIEW memory.export AS
SELECT split, place, from_json(messages, '[{"role": "VARCHAR", "content": "VARCHAR", "reasoning_content": "VARCHAR"}]') AS prompt,
    [{'role': 'assistant', 'content': chosen, 'reasoning_content': chosen_reasoning}] AS chosen,
    [{'role': 'assistant', 'content': rejected, 'reasoning_content': rejected_reasoning}] AS rejected,
    CAST(margin AS DOUBLE) AS margin, confidence, prompt_id, chosen_id, rejected_id
FROM pair_texts

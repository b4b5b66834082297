-- The pairs that the gold orders, one row each, after views.sql: `lead` is 1 if the gold prefers a, -1 if it prefers b.
-- `outcome` is 1 if the judge orders them alike, -1 if the other way, 0 if it ties them, null if it has not judged them.
-- `subset` is the first of the usual columns of the prompt's metadata. `digest` divides the prompts into parts, in which
-- prompts that differ only in case, spacing and final punctuation stay together.
SELECT gold.prompt, gold.a, gold.b, gold.lead, (one.lead * gold.lead)::INTEGER AS outcome,
    coalesce(metadata ->> '$.subset', metadata ->> '$.source', metadata ->> '$.category', metadata ->> '$.dataset') AS subset,
    md5(coalesce(normal_key, current_prompts.key)) AS digest
FROM audit_orders AS gold
JOIN current_prompts ON current_prompts.key = gold.prompt
LEFT JOIN (FROM audit_orders WHERE voice = $voice) AS one
    ON one.prompt = gold.prompt AND one.a = gold.a AND one.b = gold.b
WHERE gold.voice = $gold AND gold.lead <> 0
ORDER BY current_prompts.position, gold.prompt, gold.a, gold.b

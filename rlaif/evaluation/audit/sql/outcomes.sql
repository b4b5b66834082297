-- The pairs that the gold orders, one row each, after views.sql: `outcome` is 1 if the judge orders them alike, -1 if the other way, 0 if it
-- ties them, null if it has not judged them. `subset` is the first of the usual columns of the prompt's metadata.
SELECT gold.prompt, gold.a, gold.b, (one.lead * gold.lead)::INTEGER AS outcome,
    coalesce(metadata ->> '$.subset', metadata ->> '$.source', metadata ->> '$.category', metadata ->> '$.dataset') AS subset
FROM audit_orders AS gold
JOIN current_prompts ON current_prompts.key = gold.prompt
LEFT JOIN (FROM audit_orders WHERE voice = $voice) AS one
    ON one.prompt = gold.prompt AND one.a = gold.a AND one.b = gold.b
WHERE gold.voice = $gold AND gold.lead <> 0
ORDER BY current_prompts.position, gold.prompt, gold.a, gold.b

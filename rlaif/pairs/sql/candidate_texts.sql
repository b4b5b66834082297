-- The candidates' texts by prompt; within a prompt, in an order that depends on the seed.
SELECT candidates.prompt, candidates.response, text
FROM candidates JOIN texts ON texts.response = candidates.response
ORDER BY candidates.prompt, coin

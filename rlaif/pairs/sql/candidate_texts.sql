-- The candidates' texts, by prompt, those of one prompt in an order drawn by the seed.
SELECT candidates.prompt, candidates.response, text
FROM candidates JOIN texts ON texts.response = candidates.response
ORDER BY candidates.prompt, coin

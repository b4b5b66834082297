-- Keeps $target of the kept pairs (all if it is null), drawn by the seed only; `surplus` holds the others.
CREATE OR REPLACE TEMP TABLE surplus AS
SELECT judged.*, 'over the target' AS cause FROM judged
JOIN answers AS one ON one.response = judged.chosen
JOIN answers AS other ON other.response = judged.rejected
WHERE kept AND $target::BIGINT IS NOT NULL
QUALIFY row_number() OVER (ORDER BY xor(one.coin, other.coin), one.coin) > $target::BIGINT;
DELETE FROM judged WHERE (chosen, rejected) IN (SELECT (chosen, rejected) FROM surplus);

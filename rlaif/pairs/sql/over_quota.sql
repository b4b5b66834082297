-- Keeps of the pairs of each part of a mix at most as many as $quotas, a list of {part, pairs}, drawn by the seed only; the
-- table `over_quota` holds the others. $by is what the parts are: `source`, or a column of the metadata.
CREATE OR REPLACE TEMP TABLE over_quota AS
WITH parts AS (
    SELECT rowid AS prompt, if($by = 'source', regexp_replace(source, '^.*/|:[0-9]+$', '', 'g'), metadata::JSON ->> ('$."' || $by || '"')) AS part
    FROM prompts
)
SELECT judged.*, 'over the quota' AS cause
FROM judged
JOIN answers AS one ON one.response = judged.chosen
JOIN answers AS other ON other.response = judged.rejected
JOIN parts ON parts.prompt = judged.prompt
JOIN (SELECT unnest($quotas::STRUCT(part VARCHAR, pairs BIGINT)[], recursive := true)) AS quotas ON quotas.part = parts.part
WHERE kept
QUALIFY row_number() OVER (PARTITION BY parts.part ORDER BY xor(one.coin, other.coin), one.coin) > quotas.pairs;
DELETE FROM judged WHERE (chosen, rejected) IN (SELECT (chosen, rejected) FROM over_quota)

-- The pairs of a pairing without saying which response is chosen: the order of the two, and of the pairs, follows from a hash.
WITH sides AS (
    SELECT pairs.prompt, chosen.answer AS a, chosen.text AS a_text, rejected.answer AS b, rejected.text AS b_text,
        md5(least(chosen.answer, rejected.answer) || greatest(chosen.answer, rejected.answer)) AS coin
    FROM pairs
        JOIN (SELECT DISTINCT key, text, answer FROM responses WHERE failure IS NULL) AS chosen ON chosen.key = pairs.chosen
        JOIN (SELECT DISTINCT key, text, answer FROM responses WHERE failure IS NULL) AS rejected
            ON rejected.key = pairs.rejected
    WHERE pairs.pairing = $pairing AND chosen.answer <> rejected.answer
),
ordered AS (SELECT *, (a < b) = (coin[32] < '8') AS kept FROM sides)
SELECT prompt, if(kept, a, b) AS first, if(kept, b, a) AS second, if(kept, a_text, b_text) AS first_text,
    if(kept, b_text, a_text) AS second_text, prompts.messages, prompts.document
FROM ordered JOIN prompts ON prompts.key = ordered.prompt
ORDER BY coin, prompt

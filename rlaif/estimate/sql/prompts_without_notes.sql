-- The prompts for which a judge has no notes on a criterion yet: key points, or a checklist. If $answers is not null, only
-- the prompts of these responses count.
SELECT key AS prompt FROM (
    FROM current_prompts WHERE bucket < $held_out ORDER BY position LIMIT coalesce($limit::BIGINT, 9223372036854775807)
)
WHERE key NOT IN (FROM notes SELECT prompt WHERE judge = $judge AND criterion = $criterion AND failure IS NULL)
    AND ($answers::VARCHAR[] IS NULL OR key IN (SELECT prompt FROM responses WHERE answer IN (SELECT unnest($answers::VARCHAR[]))))

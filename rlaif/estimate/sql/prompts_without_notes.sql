-- The prompts for which a judge has not written its notes on a criterion yet: its key points, or its checklist.
SELECT key AS prompt FROM (
    FROM current_prompts WHERE bucket < $held_out ORDER BY position LIMIT coalesce($limit::BIGINT, 9223372036854775807)
)
WHERE key NOT IN (FROM notes SELECT prompt WHERE judge = $judge AND criterion = $criterion AND failure IS NULL)
    AND ($kind <> 'checklist' OR checklist IS NULL)

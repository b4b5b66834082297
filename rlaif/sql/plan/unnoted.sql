-- The prompts of which a judge has written nothing down for a criterion, and has still to score a response that is there.
SELECT DISTINCT answers.prompt
FROM judgeable AS answers SEMI JOIN (
    FROM current_prompts WHERE bucket < $held_out ORDER BY position LIMIT coalesce($limit::BIGINT, 9223372036854775807)
) AS prompts ON prompts.key = answers.prompt
ANTI JOIN (
    FROM scores WHERE judge = $judge AND criterion = $criterion
        AND (value IS NOT NULL OR failure NOT IN (SELECT unnest($transient::VARCHAR[])))
) AS made ON made.answer = answers.answer
ANTI JOIN (FROM notes WHERE judge = $judge AND criterion = $criterion AND failure IS NULL) AS noted ON noted.prompt = answers.prompt
WHERE answers.failure IS NULL AND answers.generator IN (SELECT unnest($generators::VARCHAR[]))

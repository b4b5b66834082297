-- A digest of everything that a pairing by $judges of the responses of $generators is made from: if it is the same, so are
-- the pairs.
WITH judges AS (SELECT unnest($judges::VARCHAR[]) AS judge)
SELECT md5(concat_ws('/', $version::VARCHAR,
    (SELECT count(*) || ':' || coalesce(bit_xor(hash(prompt)), 0) FROM active_prompts),
    (SELECT count(*) || ':' || coalesce(bit_xor(hash(key, answer, finish, attempt, failure)), 0)
     FROM responses WHERE generator IN (SELECT unnest($generators::VARCHAR[]))),
    (SELECT count(*) || ':' || coalesce(bit_xor(hash(answer, scores.judge, criterion, repeat, attempt, value, expected, spread, failure)), 0)
     FROM scores SEMI JOIN judges USING (judge)),
    (SELECT count(*) || ':' || coalesce(bit_xor(hash(first, second, comparisons.judge, criterion, repeat, attempt, preferred, probability, failure)), 0)
     FROM comparisons SEMI JOIN judges USING (judge)),
    -- Null, and so not part of the digest, unless the pairs depend on it.
    if($metadata, (SELECT bit_xor(hash(key, regexp_replace(source, '^.*/|:[0-9]+$', '', 'g'), metadata)) FROM current_prompts), NULL),
    (SELECT count(*) || ':' || coalesce(bit_xor(hash(prompt, before, cascade_escalations.judge)), 0) FROM cascade_escalations SEMI JOIN judges USING (judge))
)) AS facts

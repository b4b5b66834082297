-- A digest of everything that a pairing by $judges of the responses of $generators is made from: if it is the same, so are
-- the pairs. Responses and verdicts with their scores are never altered. They are deleted only by collecting changed sources,
-- and those that replace them are made later; so their numbers and times tell whether they are the same, and with millions of
-- scores that is many times faster than reading them.
WITH judges AS (SELECT unnest($judges::VARCHAR[]) AS judge)
SELECT md5(concat_ws('/', $version::VARCHAR,
    (SELECT count(*) || ':' || coalesce(bit_xor(hash(prompt)), 0) FROM active_prompts),
    (SELECT count(*) || ':' || coalesce(sum(epoch_us(created)), 0)
     FROM responses WHERE generator IN (SELECT unnest($generators::VARCHAR[]))),
    (SELECT count(*) || ':' || coalesce(sum(epoch_us(created)), 0) FROM verdicts SEMI JOIN judges USING (judge)),
    (SELECT count(*) || ':' || coalesce(bit_xor(hash(first, second, comparisons.judge, criterion, repeat, attempt, preferred, probability, failure)), 0)
     FROM comparisons SEMI JOIN judges USING (judge)),
    -- Null, and so not part of the digest, unless the pairs depend on it.
    if($metadata, (SELECT bit_xor(hash(key, regexp_replace(source, '^.*/|:[0-9]+$', '', 'g'), metadata)) FROM current_prompts), NULL),
    (SELECT count(*) || ':' || coalesce(bit_xor(hash(prompt, before, cascade_escalations.judge)), 0) FROM cascade_escalations SEMI JOIN judges USING (judge))
)) AS facts

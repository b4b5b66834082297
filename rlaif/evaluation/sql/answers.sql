-- Responses to compare: one row per held-out prompt, side (base, trained), sample and criterion of the judge. A side without
-- a response has one row without `response`; `failure` says why a response has no text, `score_failure` why a criterion has
-- no score. Uses the first $limit prompts (all if null) whose bucket is below $held_out, and only samples below $samples (all
-- if null), so that both sides can have the same number.
WITH asked AS (
    SELECT key, position FROM current_prompts WHERE bucket < $held_out
    QUALIFY row_number() OVER (ORDER BY position, key) <= coalesce($limit::BIGINT, 9223372036854775807)
),
sides AS (SELECT unnest(['base', 'trained']) AS side, unnest([$base, $trained]) AS generator),
sampled AS (
    SELECT * FROM responses
    WHERE generator IN ($base, $trained) AND sample < coalesce($samples::BIGINT, 9223372036854775807)
    QUALIFY row_number() OVER (PARTITION BY key ORDER BY failure IS NULL DESC, attempt DESC) = 1
),
judged AS (
    SELECT *, rowid AS place FROM criteria WHERE key IN (SELECT criterion FROM scores WHERE judge = $judge)
    QUALIFY rowid = max(rowid) OVER (PARTITION BY name)
)
SELECT asked.key AS prompt, sides.side, sampled.key AS response, sampled.failure,
    len(regexp_extract_all(sampled.text, '[!-/:-@\[-`{-~\x{A1}-\x{BF}\x{2010}-\x{2027}\x{2030}-\x{205E}\x{3001}-\x{3003}\x{3008}-\x{3020}\x{3030}\x{30FB}\x{FF01}-\x{FF0F}\x{FF1A}-\x{FF20}\x{FF3B}-\x{FF40}\x{FF5B}-\x{FF65}]*[\x{3005}-\x{3007}\x{3021}-\x{3029}\x{3038}-\x{303B}\x{3041}-\x{3096}\x{3099}\x{309A}\x{309D}-\x{309F}\x{30A1}-\x{30FA}\x{30FC}-\x{30FF}\x{31F0}-\x{31FF}\x{3400}-\x{4DBF}\x{4E00}-\x{9FFF}\x{F900}-\x{FAFF}\x{FF66}-\x{FF9F}\x{1B000}-\x{1B16F}\x{20000}-\x{3FFFD}\x{E01}-\x{E3A}\x{E40}-\x{E4E}\x{E81}-\x{ECD}\x{EDC}-\x{EDF}\x{1000}-\x{103F}\x{1050}-\x{108F}\x{109A}-\x{109D}\x{1780}-\x{17D3}\x{17DC}\x{17DD}\x{1950}-\x{19C9}\x{1A20}-\x{1A7F}\x{A9E0}-\x{A9EF}\x{A9FA}-\x{A9FE}\x{AA60}-\x{AADD}][\x{E31}\x{E34}-\x{E3A}\x{E47}-\x{E4E}\x{EB1}\x{EB4}-\x{EBC}\x{EC8}-\x{ECD}\x{102B}-\x{103E}\x{1056}-\x{1059}\x{105E}-\x{1060}\x{1062}-\x{1064}\x{1067}-\x{106D}\x{1071}-\x{1074}\x{1082}-\x{108D}\x{108F}\x{109A}-\x{109D}\x{17B4}-\x{17D3}\x{17DD}\x{1A55}-\x{1A7F}\x{AA7B}-\x{AA7D}\x{AAB0}-\x{AAB8}\x{AABE}-\x{AAC1}\x{3099}\x{309A}\x{30FC}\x{FF70}\x{FF9E}\x{FF9F}]*[!-/:-@\[-`{-~\x{A1}-\x{BF}\x{2010}-\x{2027}\x{2030}-\x{205E}\x{3001}-\x{3003}\x{3008}-\x{3020}\x{3030}\x{30FB}\x{FF01}-\x{FF0F}\x{FF1A}-\x{FF20}\x{FF3B}-\x{FF40}\x{FF5B}-\x{FF65}]*|[^\x{9}-\x{D}\x{1C}- \x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}\x{3005}-\x{3007}\x{3021}-\x{3029}\x{3038}-\x{303B}\x{3041}-\x{3096}\x{3099}\x{309A}\x{309D}-\x{309F}\x{30A1}-\x{30FA}\x{30FC}-\x{30FF}\x{31F0}-\x{31FF}\x{3400}-\x{4DBF}\x{4E00}-\x{9FFF}\x{F900}-\x{FAFF}\x{FF66}-\x{FF9F}\x{1B000}-\x{1B16F}\x{20000}-\x{3FFFD}\x{E01}-\x{E3A}\x{E40}-\x{E4E}\x{E81}-\x{ECD}\x{EDC}-\x{EDF}\x{1000}-\x{103F}\x{1050}-\x{108F}\x{109A}-\x{109D}\x{1780}-\x{17D3}\x{17DC}\x{17DD}\x{1950}-\x{19C9}\x{1A20}-\x{1A7F}\x{A9E0}-\x{A9EF}\x{A9FA}-\x{A9FE}\x{AA60}-\x{AADD}]+')) AS words, length(sampled.text) AS characters,
    sampled.output_tokens AS tokens, judged.name AS criterion, judged.low, judged.high,
    latest_scores.score::DOUBLE AS score, latest_scores.failure AS score_failure
FROM asked CROSS JOIN sides
LEFT JOIN sampled ON sampled.prompt = asked.key AND sampled.generator = sides.generator
LEFT JOIN judged ON true
LEFT JOIN latest_scores ON latest_scores.answer = sampled.answer AND latest_scores.judge = $judge
    AND latest_scores.criterion = judged.key
ORDER BY asked.position, asked.key, sides.side, sampled.sample, judged.place

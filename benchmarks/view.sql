-- $pairs prompts, each with two responses of some 600 characters, scores by two criteria, and one pair in one pairing; every
-- tenth prompt more has no pair.
CREATE TEMP MACRO words(seed, n) AS array_to_string(list_transform(range(n), lambda place: ['the', 'driver', 'report', 'harvest',
    'mill', 'crates', 'depot', 'morning', 'returned', 'loaded', 'because', 'road', 'was', 'closed', 'and', 'nobody', 'signed', 'it',
    'before', 'Friday', 'note', 'says', 'that', 'seals', 'were', 'intact', 'however', 'two', 'of', 'them', 'arrived', 'late'
    ][1 + (hash(seed, place) % 32)::INT]), ' ');

INSERT INTO prompts BY NAME
SELECT md5('prompt' || i) AS key, md5('normal' || i) AS normal_key,
    '[{"role":"user","content":"What does report ' || i || ' say about the ' || words(i, 12) || '?"}]' AS messages,
    CASE WHEN i % 4 = 0 THEN 'Report ' || i || '. ' || words(i + 7, 100) END AS document,
    '{"topic":"' || ['farming', 'law', 'medicine', 'code', 'letters'][1 + i % 5] || '"}' AS metadata,
    'synthetic.jsonl:' || i AS source, i % 10000 AS bucket, i AS position
FROM range($pairs + $pairs // 10) AS made(i);
INSERT INTO active_prompts SELECT key FROM prompts;

INSERT INTO generators VALUES ('writer-a', 'writer-a', '{}'), ('writer-b', 'writer-b', '{}');
INSERT INTO responses BY NAME
SELECT md5('response' || i || '/' || j) AS key, md5('prompt' || i) AS prompt, ['writer-a', 'writer-b'][1 + (i + j) % 2] AS generator,
    j AS sample, md5('answer' || i || '/' || j) AS answer,
    'Answer ' || j || ' about report ' || i || ': ' || words(2 * i + j, 80 + (hash(i, j) % 50)::INT) || '.' AS text,
    'stop' AS finish, 100 AS prompt_tokens, 120 AS output_tokens, 0 AS attempt, TIMESTAMP '2026-01-01' AS created
FROM range($pairs + $pairs // 10) AS made(i), range(2) AS samples(j);

INSERT INTO judges VALUES ('critic', 'critic', '{}');
INSERT INTO criteria VALUES ('c-faithful', 'faithfulness', 'scale', 1, 10, '{}'), ('c-complete', 'completeness', 'scale', 1, 10, '{}');
INSERT INTO scores BY NAME
SELECT answer AS verdict, answer, 'critic' AS judge, criterion, 0 AS repeat, 0 AS attempt, 1 + hash(answer, criterion) % 10 AS value,
    'It names the ' || words(hash(answer) % 1000000, 8) || '.' AS rationale
FROM responses, (VALUES ('c-faithful'), ('c-complete')) AS criteria(criterion);

INSERT INTO pairings BY NAME
SELECT 'pairing' AS key, '{"strategy":"best_vs_worst","judge":"critic","generators":["writer-a","writer-b"],"settings":{}}' AS spec,
    TIMESTAMP '2026-01-02' AS created, 'run' AS run, 1 AS number;
INSERT INTO pairing_criteria BY NAME
SELECT 'pairing' AS pairing, key AS criterion, name, 1.0 AS weight, 1 AS factor, 1 AS low, NULL AS floor FROM criteria;
INSERT INTO pairs
SELECT 'pairing', md5('prompt' || i), md5('response' || i || '/0'), md5('response' || i || '/1'), 100 * (hash(i) % 10000) / 10000,
    0.5 + (hash(i + 1) % 5000) / 10000
FROM range($pairs) AS made(i);
INSERT INTO reasons
SELECT 'pairing', md5('prompt' || i), NULL, if(i < $pairs, 'paired', ['tie', 'below the margin'][1 + i % 2]), if(i < $pairs, 0, 2)
FROM range($pairs + $pairs // 10) AS made(i);

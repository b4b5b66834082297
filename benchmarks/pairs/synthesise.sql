-- Prompts $first to $prompts of a store as a run leaves it: $samples responses each, one judge's score of every criterion.
-- Everything is drawn by hash, so that it is the same each time. Scores go from 1 to 5 and often tie.
INSERT INTO prompts BY NAME
SELECT md5('p' || i) AS key, md5('n' || i) AS normal_key, '[{"role": "user", "content": "Request ' || i || '"}]' AS messages,
    (hash(i) % 10000)::UINTEGER AS bucket, i::UBIGINT AS position
FROM range($first, $prompts) AS numbers(i);

INSERT INTO active_prompts SELECT md5('p' || i) FROM range($first, $prompts) AS numbers(i);

INSERT INTO responses BY NAME
WITH words AS (SELECT list('word' || substr(md5('w' || i), 1, 2 + i % 5) ORDER BY i) AS words FROM range(4096) AS numbers(i))
SELECT md5('r' || i || '/' || j) AS key, md5('p' || i) AS prompt, $generators[1 + j % 2] AS generator, j::UINTEGER AS sample,
    md5('a' || i || '/' || j) AS answer,
    CASE WHEN i < $texts THEN
        array_to_string(list_transform(range(60 + (hash(i, j) % 30)::BIGINT), lambda k: words[1 + (hash(i, j, k) % 4096)::BIGINT]), ' ')
    ELSE 'Answer ' || j || repeat('.', (hash(i, j) % 40)::BIGINT) END AS text,
    if(hash(i, j, 'f') % 50 = 0, 'length', 'stop') AS finish, 0::UINTEGER AS attempt
FROM (SELECT k // $samples AS i, k % $samples AS j FROM range($first * $samples, $prompts * $samples) AS numbers(k)), words;

INSERT INTO scores BY NAME
SELECT md5('a' || i || '/' || j) AS answer, $judge AS judge, criterion, 0::UINTEGER AS repeat, 0::UINTEGER AS attempt,
    1 + (hash(i, j, criterion) % 5)::INTEGER AS value
FROM (
    SELECT k // 3 // $samples AS i, k // 3 % $samples AS j, $criteria[1 + k % 3] AS criterion
    FROM range(3 * $first * $samples, 3 * $prompts * $samples) AS numbers(k)
);

-- The models and criteria, once.
INSERT INTO criteria BY NAME
SELECT unnest($criteria::VARCHAR[]) AS key, unnest($names::VARCHAR[]) AS name, unnest($kinds::VARCHAR[]) AS kind, 1 AS low, 5 AS high, '{}' AS spec
WHERE $first = 0;

INSERT INTO judges SELECT $judge, 'judge', '{}' WHERE $first = 0;
INSERT INTO generators SELECT unnest($generators::VARCHAR[]), unnest(['writer', 'peer']), '{}' WHERE $first = 0;

-- $prompts prompts with $responses responses each, of the one generator that the store knows, with texts of some 600
-- characters.
INSERT INTO prompts BY NAME
SELECT md5('prompt' || i) AS key, md5('normal' || i) AS normal_key,
    '[{"role":"user","content":"What does report ' || i || ' say about the harvest, and why?"}]' AS messages,
    'Report ' || i || '. ' || repeat('The harvest was good that year, and the mill ran for weeks. ', 10) AS document,
    NULL AS reference, '{}' AS metadata, 'scale:' || i AS source, 5000 AS bucket, 1000 + i AS position
FROM range($prompts) AS made(i);

INSERT INTO active_prompts SELECT key FROM prompts ANTI JOIN active_prompts ON active_prompts.prompt = prompts.key;

INSERT INTO responses BY NAME
SELECT md5('response' || prompts.key || j) AS key, prompts.key AS prompt, generators.key AS generator, j AS sample,
    md5('answer' || prompts.key || j) AS answer,
    'Answer ' || j || ' of ' || prompts.key || '. ' || repeat('It says what was asked, in the words of the report. ', 10) AS text,
    'stop' AS finish, 100 AS prompt_tokens, 100 AS output_tokens, 0 AS attempt, now()::TIMESTAMP AS created
FROM prompts SEMI JOIN (SELECT md5('prompt' || i) AS key FROM range($prompts) AS made(i)) AS made USING (key),
    generators, range($responses) AS samples(j);

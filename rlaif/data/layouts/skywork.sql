-- Skywork reward preferences: two conversations that share all turns but the last one.
-- card: Skywork/Skywork-Reward-Preference-80K-v0.2 (the licenses of its sources)
-- columns: chosen, rejected, source
-- types: chosen list, rejected list
-- absent: prompt
-- labels: the last turn of `chosen` is better. Rows whose conversations differ earlier are dropped and counted.
SELECT
    chosen AS prompt,
    [chosen, rejected] AS responses,
    [preference(1, 2, 'skywork', NULL, false)] AS preferences,
    {source: source} AS metadata
FROM source

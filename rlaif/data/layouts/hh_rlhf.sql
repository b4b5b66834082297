-- HH-RLHF: two transcripts that share all turns but the last one.
-- card: Anthropic/hh-rlhf (MIT)
-- columns: chosen, rejected
-- types: chosen text, rejected text
-- labels: people preferred the last turn of `chosen`. Rows whose transcripts differ earlier are dropped and counted.
SELECT
    to_json(transcript(chosen)) AS prompt,
    [to_json(transcript(chosen)), to_json(transcript(rejected))] AS responses,
    [preference(1, 2, 'human', NULL, false)] AS preferences,
    coalesce(bad_transcript(chosen, 'chosen'), bad_transcript(rejected, 'rejected')) AS error
FROM source

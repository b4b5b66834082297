-- Chatbot Arena human preferences (55k): prompts and responses are lists of turns written as JSON, with three columns for the vote.
-- card: lmsys/lmsys-arena-human-preference-55k (Apache-2.0)
-- columns: model_a, model_b, prompt, response_a, response_b, winner_model_a, winner_model_b, winner_tie
-- optional: id
-- labels: exactly one of winner_model_a, winner_model_b and winner_tie is 1, the others are 0. Rows with several turns differ before
--   the last one, so they are dropped and counted.
SELECT
    to_json(dialogue(items(prompt), items(response_a))) AS prompt,
    [to_json(dialogue(items(prompt), items(response_a))), to_json(dialogue(items(prompt), items(response_b)))] AS responses,
    [as_text(model_a), as_text(model_b)] AS generators,
    vote(concat_ws(',', as_code(winner_model_a), as_code(winner_model_b), as_code(winner_tie)), ['1,0,0'], ['0,1,0'], ['0,0,1'], 'human') AS preferences,
    {id: id} AS metadata,
    CASE
        WHEN items(prompt) IS NULL OR items(response_a) IS NULL OR items(response_b) IS NULL THEN 'a prompt or response that is not a list of turns'
        ELSE unknown(concat_ws(',', as_code(winner_model_a), as_code(winner_model_b), as_code(winner_tie)), ['1,0,0', '0,1,0', '0,0,1'], 'winner')
    END AS error
FROM source

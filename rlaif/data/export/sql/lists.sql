-- The ranked lists with the columns that forms select, one row per prompt. Names in braces are filled in by `columns.py`.
CREATE OR REPLACE TABLE memory.lists AS
SELECT split, place, arg_min({prompt}, rank) AS prompt, list([{response}] ORDER BY rank) AS responses, arg_min({tools}, rank) AS tools,
    list(score ORDER BY rank) AS scores, list({criterion_scores} ORDER BY rank) AS criterion_scores,
    list({rationales} ORDER BY rank) AS rationales, list(generator ORDER BY rank) AS generators, {judge} AS judge,
    any_value(source) AS source, any_value({metadata}) AS metadata, prompt_id, list(response_id ORDER BY rank) AS response_ids
FROM list_texts AS asked_texts
{joins}
GROUP BY split, place, prompt_id;

CREATE OR REPLACE VIEW memory.export AS FROM lists

-- ShareGPT: conversations as lists of `from` and `value`.
-- card: the format of FastChat and LLaMA-Factory (Apache-2.0)
-- columns: conversations
-- optional: id, system, tools
-- keys: conversations from value
-- types: conversations list
-- labels: none. The prompt ends with the last turn of the user or of a tool, and the last turn of the model is its response.
SELECT
    CASE WHEN coalesce(trim(as_text(system)), '') = '' THEN conversations
        ELSE to_json(list_concat([turn('system', system)], items(conversations))) END AS prompt,
    [CASE WHEN coalesce(trim(as_text(system)), '') = '' THEN conversations
        ELSE to_json(list_concat([turn('system', system)], items(conversations))) END] AS responses,
    tools,
    {id: id} AS metadata
FROM source

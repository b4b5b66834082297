-- Capybara: conversations as lists of inputs and outputs.
-- card: LDJnr/Capybara (Apache-2.0)
-- columns: source, conversation
-- keys: conversation input output
-- labels: none. The prompt ends with the last input, and the last output is its response.
SELECT
    to_json(flatten(list_transform(items(conversation), lambda each: [turn('user', each -> '$.input'), turn('assistant', each -> '$.output')]))) AS prompt,
    [to_json(flatten(list_transform(items(conversation), lambda each: [turn('user', each -> '$.input'), turn('assistant', each -> '$.output')])))] AS responses,
    {source: source} AS metadata,
    CASE WHEN items(conversation) IS NULL THEN 'no list in column ''conversation''' END AS error
FROM source

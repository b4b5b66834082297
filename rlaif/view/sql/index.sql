-- Makes the table {table}: the rows of a pairing's list in their order, with row numbers in `prompts` and `responses` in place of
-- keys, the lengths of the responses in characters, and the numbers of their generators. Each join stands in a statement of its
-- own, because one statement for all would need much more memory.
CREATE TABLE memory.{table}_prompts AS
WITH rows AS ({rows})
SELECT place, prompts.rowid::INTEGER AS prompt_row, margin, confidence, outcome FROM rows JOIN prompts ON prompts.key = rows.prompt;

CREATE TABLE memory.{table}_chosen AS
SELECT pairs.place, responses.rowid::INTEGER AS row, length(text)::INTEGER AS characters, made.number::INTEGER AS generator
FROM (SELECT rowid AS place, chosen AS key FROM pairs WHERE pairing = $pairing) AS pairs
JOIN responses ON responses.key = pairs.key
LEFT JOIN (SELECT key, min(rowid) AS number FROM generators GROUP BY key) AS made ON made.key = responses.generator
WHERE failure IS NULL;

CREATE TABLE memory.{table}_rejected AS
SELECT pairs.place, responses.rowid::INTEGER AS row, length(text)::INTEGER AS characters, made.number::INTEGER AS generator
FROM (SELECT rowid AS place, rejected AS key FROM pairs WHERE pairing = $pairing) AS pairs
JOIN responses ON responses.key = pairs.key
LEFT JOIN (SELECT key, min(rowid) AS number FROM generators GROUP BY key) AS made ON made.key = responses.generator
WHERE failure IS NULL;

CREATE TABLE memory.{table} AS
SELECT prompts.place, prompt_row, margin, confidence, outcome, chosen.row AS chosen_row, rejected.row AS rejected_row,
    chosen.characters AS chosen_characters, rejected.characters AS rejected_characters,
    chosen.generator AS chosen_number, rejected.generator AS rejected_number
FROM memory.{table}_prompts AS prompts
LEFT JOIN memory.{table}_chosen AS chosen ON chosen.place = prompts.place
LEFT JOIN memory.{table}_rejected AS rejected ON rejected.place = prompts.place
ORDER BY prompts.place;

DROP TABLE memory.{table}_prompts;
DROP TABLE memory.{table}_chosen;
DROP TABLE memory.{table}_rejected

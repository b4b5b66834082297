-- Drops the temporary tables and views of an export.
DROP VIEW IF EXISTS memory.export;
DROP VIEW IF EXISTS memory.response_texts;
DROP VIEW IF EXISTS memory.shown_prompts;
DROP TABLE IF EXISTS memory.pair_texts;
DROP TABLE IF EXISTS memory.list_texts;
DROP TABLE IF EXISTS memory.lists;
DROP TABLE IF EXISTS memory.shown_answers;
DROP TABLE IF EXISTS memory.export_scores;
DROP TABLE IF EXISTS memory.export_rationales;
DROP TABLE IF EXISTS memory.comparison_rationales;
DROP TABLE IF EXISTS memory.tool_prompts;
DROP TABLE IF EXISTS memory.tool_answers

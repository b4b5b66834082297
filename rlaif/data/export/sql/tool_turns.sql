-- Conversations with tools as chat templates read them: prompts by their messages as stored, responses by id.
CREATE OR REPLACE TABLE memory.tool_prompts (asked VARCHAR, messages VARCHAR, tools VARCHAR);
CREATE OR REPLACE TABLE memory.tool_answers (id VARCHAR, turn JSON)

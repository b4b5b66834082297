-- TRL's conversational language modeling type: whole conversations.
-- card: TRL, "language modeling" (Apache-2.0)
-- columns: messages
-- optional: tools
-- types: messages list
-- labels: none. The prompt ends with the last turn of the user or of a tool, and the last turn of the assistant is its response.
SELECT messages AS prompt, [messages] AS responses, tools FROM source

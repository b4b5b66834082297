-- Which prompts the sources hold now.
INSERT INTO collected SELECT key FROM kept

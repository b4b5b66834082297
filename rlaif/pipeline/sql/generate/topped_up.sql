-- How many top-ups a generator was asked for, over all rounds.
SELECT count(*) AS prompts FROM top_ups WHERE generator = $generator

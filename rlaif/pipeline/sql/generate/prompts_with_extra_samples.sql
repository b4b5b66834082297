-- How many top-ups a generator was asked for, over all rounds.
SELECT count(*) AS prompts FROM extra_samples WHERE generator = $generator

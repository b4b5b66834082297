-- The number of requests for extra samples of a generator, over all rounds.
SELECT count(*) AS prompts FROM extra_samples WHERE generator = $generator

-- How many rounds of a chain are done, and whether one of them was the last for a reason of its own.
SELECT count(*) AS rounds, coalesce(bool_or(stopped IS NOT NULL), false) AS over FROM rounds WHERE chain = $chain

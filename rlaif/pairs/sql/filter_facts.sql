-- Drops candidates that were cut off or refused (if $unfinished), or that are shorter or longer in characters than allowed.
INSERT INTO filtered
SELECT candidates.prompt, candidates.response, CASE
    WHEN $unfinished AND NOT finished THEN 'cut off or refused'
    WHEN length < $shortest THEN 'too short'
    WHEN length > $longest THEN 'too long' END AS reason
FROM candidates JOIN texts ON texts.response = candidates.response
WHERE reason IS NOT NULL

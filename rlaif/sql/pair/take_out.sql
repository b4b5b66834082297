-- The candidates without what was filtered.
DELETE FROM filtered USING (SELECT prompt FROM filtered WHERE answer IS NULL) AS whole
WHERE filtered.prompt = whole.prompt AND filtered.answer IS NOT NULL;

DELETE FROM candidates
WHERE prompt IN (SELECT prompt FROM filtered WHERE answer IS NULL)
    OR answer IN (SELECT answer FROM filtered WHERE answer IS NOT NULL)

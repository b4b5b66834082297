-- What this judge has made of these answers: one row an answer and criterion that has a value.
SELECT answer, criterion, score::DOUBLE AS score FROM latest_scores
WHERE judge = $judge AND answer IN (SELECT unnest($answers::VARCHAR[])) AND score IS NOT NULL

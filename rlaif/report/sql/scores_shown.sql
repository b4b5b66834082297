-- Scores of the responses in $answers, starting with the judge whose scores make the pairs. Rationales are cut after $most
-- characters.
SELECT answer, judge, criterion, low::DOUBLE AS low, high::DOUBLE AS high, score::DOUBLE AS score, failure,
    left(rationale, $most) AS rationale
FROM report_scores
WHERE answer IN (SELECT unnest($answers::VARCHAR[]))
ORDER BY labels DESC, judge, place

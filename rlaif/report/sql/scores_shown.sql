-- What the judges said of $answers, first the one whose scores make the pairs. Rationales end after $most characters.
SELECT answer, judge, criterion, low::DOUBLE AS low, high::DOUBLE AS high, score::DOUBLE AS score, failure,
    left(rationale, $most) AS rationale
FROM report_scores
WHERE answer IN (SELECT unnest($answers::VARCHAR[]))
ORDER BY labels DESC, judge, place

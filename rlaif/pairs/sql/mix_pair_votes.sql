-- The vote of each judge of a mix on each pair: for the response with more points by that judge; a tie counts as one vote
-- for each. Ties decide only if the mix is by majority.
INSERT INTO opinions BY NAME
SELECT chosen, rejected, count(*) FILTER (one.total >= other.total) AS won, count(*) FILTER (one.total <= other.total) AS lost,
    if($mix = 'majority', count(*) FILTER (one.total = other.total), 0) AS even
FROM pair_answers
JOIN totals AS one ON one.answer = pair_answers.one
JOIN totals AS other ON other.answer = pair_answers.other AND other.place = one.place
GROUP BY chosen, rejected

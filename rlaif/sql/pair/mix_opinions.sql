-- What each judge of a mix says of each pair: a vote for the response with more of its own points, a tie being one for each.
INSERT INTO opinions BY NAME
SELECT chosen, rejected, count(*) FILTER (one.total >= other.total) AS won, count(*) FILTER (one.total <= other.total) AS lost
FROM rivals
JOIN totals AS one ON one.answer = rivals.one
JOIN totals AS other ON other.answer = rivals.other AND other.place = one.place
GROUP BY chosen, rejected

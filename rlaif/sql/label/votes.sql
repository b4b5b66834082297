-- The pairs that a person has voted on, in one order.
SELECT DISTINCT least(first, second) AS a, greatest(first, second) AS b FROM comparisons WHERE judge = $judge

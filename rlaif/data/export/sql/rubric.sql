-- The criteria of a pairing with their weights, floors and wording.
SELECT weighed.name, weighed.weight, weighed.floor::DOUBLE AS floor, any_value(criteria.kind) AS kind,
    any_value(criteria.low) AS low, any_value(criteria.high) AS high, any_value(criteria.spec) AS spec
FROM pairing_criteria AS weighed JOIN criteria ON criteria.key = weighed.criterion
WHERE weighed.pairing = $pairing
GROUP BY weighed.name, weighed.weight, weighed.floor, weighed.criterion
ORDER BY weighed.name

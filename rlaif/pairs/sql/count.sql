-- How many pairs a pairing has.
SELECT count(*) AS pairs FROM pairs WHERE pairing = $pairing

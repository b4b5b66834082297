-- Deletes the results of an earlier run of the same pairing before it is made again.
DELETE FROM pairs WHERE pairing = $pairing;
DELETE FROM reasons WHERE pairing = $pairing;
DELETE FROM pairing_criteria WHERE pairing = $pairing;
DELETE FROM mixed WHERE pairing = $pairing;
DELETE FROM strengths WHERE pairing = $pairing;
DELETE FROM pairings WHERE key = $pairing;

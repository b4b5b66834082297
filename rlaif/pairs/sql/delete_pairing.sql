-- Takes back what an earlier run of the same pairing wrote; it is about to be made anew.
DELETE FROM pairs WHERE pairing = $pairing;
DELETE FROM reasons WHERE pairing = $pairing;
DELETE FROM pairing_criteria WHERE pairing = $pairing;
DELETE FROM mixed WHERE pairing = $pairing;
DELETE FROM strengths WHERE pairing = $pairing;
DELETE FROM pairings WHERE key = $pairing;

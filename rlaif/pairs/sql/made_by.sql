-- The judges, by name, and the strategy of a pairing.
SELECT judge, strategy FROM pairings_readable WHERE pairing = $pairing

-- A row where a round of a chain made a pairing.
SELECT number FROM rounds WHERE chain = $chain AND pairing = $pairing

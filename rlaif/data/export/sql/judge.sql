-- The judge of a pairing, or several and how they are combined, as one text.
SELECT string_agg(name, ', ' ORDER BY place) || coalesce(' (' || any_value(mix) || ')', '') AS name
FROM pairing_judges WHERE pairing = $pairing GROUP BY pairing

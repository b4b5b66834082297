-- The rows of the view `outcomes` for one prompt. The view would find them only after all others.
WITH mine AS (FROM pairs WHERE prompt = $prompt),
sides AS (
    SELECT pairing, chosen AS response, 'chosen' AS side FROM mine
    UNION ALL SELECT pairing, rejected, 'rejected' FROM mine
),
given AS (FROM reasons WHERE prompt = $prompt)
SELECT pairing, response, reason AS outcome FROM given
UNION ALL
SELECT pairing, response, if(min(side) = max(side), min(side), 'chosen and rejected') FROM sides GROUP BY pairing, response
UNION ALL
SELECT whole.pairing, responses.key,
    if(whole.reason = 'paired', 'not selected by the strategy', 'prompt without a pair: ' || whole.reason)
FROM given AS whole
JOIN (
    SELECT key, number, unnest(json_extract_string(spec, '$.generators[*]')) AS generator FROM pairings
) AS pairings ON pairings.key = whole.pairing
JOIN (FROM responses WHERE prompt = $prompt AND failure IS NULL) AS responses
    ON responses.generator = pairings.generator AND coalesce(responses.kept_after < pairings.number, true)
ANTI JOIN given AS own ON own.pairing = whole.pairing AND own.response = responses.key
ANTI JOIN sides ON sides.pairing = whole.pairing AND sides.response = responses.key
WHERE whole.response IS NULL AND whole.others > 0

-- Pairs of one prompt, by pairing, largest margin first.
SELECT pairing, chosen, rejected, margin::DOUBLE AS margin, confidence
FROM pairs WHERE prompt = $prompt
ORDER BY pairing, pairs.margin DESC, chosen, rejected

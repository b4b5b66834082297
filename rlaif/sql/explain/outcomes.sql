-- What each pairing made of one prompt (response null) and of its responses.
SELECT pairing, response, outcome FROM outcomes WHERE prompt = $prompt

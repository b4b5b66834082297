-- Ranked lists: all scored responses to a prompt, best first, with their scores; for listwise losses and best-of-n.
SELECT prompt, responses, tools, scores, criterion_scores, rationales, generators, judge, source, metadata, prompt_id, response_ids
FROM export WHERE split = $split AND place >= $start AND place < $stop
ORDER BY place

-- Which judge of a cascade left the prompt to which, in that order, and by what lead of the best response.
SELECT before, judge, lead::DOUBLE AS lead FROM passed_on WHERE prompt = $prompt ORDER BY rowid

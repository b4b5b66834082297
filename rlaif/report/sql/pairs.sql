-- The newest pairing in one row: numbers of pairs and of the judges that made them, margins (hundredths of the scale, in bins of 5), and the difference in length
-- between the chosen and the rejected response (in hundredths of the longer one's words, in 20 bins from -100 to 100; equal
-- lengths are counted separately in `as_long`).
SELECT count(*) AS pairs, count(DISTINCT prompt) AS prompts, (SELECT count(*) FROM report_judges WHERE labels) AS judges,
    min(margin)::DOUBLE AS least, median(margin)::DOUBLE AS middle, max(margin)::DOUBLE AS most,
    avg(confidence) AS confidence, avg(chosen_words) AS chosen_words, avg(rejected_words) AS rejected_words,
    count(*) FILTER (chosen_words > rejected_words) AS longer,
    count(*) FILTER (chosen_words < rejected_words) AS shorter,
    count(*) FILTER (chosen_words = rejected_words) AS as_long,
    histogram(least(floor(margin / 5)::INT, 19)) FILTER (margin IS NOT NULL) AS margins,
    histogram(least(floor(10 + 10 * (chosen_words - rejected_words) / greatest(chosen_words, rejected_words))::INT, 19))
        FILTER (chosen_words <> rejected_words) AS lengths
FROM report_pairs

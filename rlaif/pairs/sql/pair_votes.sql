-- The votes on each pair in `made` (`opinions`): how many for the label and against it (a tie is one for each, and `even`
-- counts the ties of those whose votes make the pairs), and how sure of it a judge was. `pair_answers` are the pairs as
-- answers. `sided` is the probability that one side is better, given these votes for and against it and a uniform prior (the
-- Beta posterior's mass above one half, which for whole numbers is a binomial sum).
CREATE OR REPLACE TEMP TABLE opinions (chosen BIGINT, rejected BIGINT, won BIGINT, lost BIGINT, even BIGINT, sure DOUBLE);

CREATE OR REPLACE TEMP VIEW pair_answers AS
SELECT made.chosen, made.rejected, one.answer AS one, other.answer AS other
FROM made
JOIN responses AS one ON one.rowid = made.chosen
JOIN responses AS other ON other.rowid = made.rejected;

CREATE OR REPLACE TEMP MACRO sided(won, lost) AS round(list_sum(list_transform(range(0, won + 1), lambda k:
    exp(lgamma(won + lost + 2) - lgamma(k + 1) - lgamma(won + lost + 2 - k) - (won + lost + 1) * ln(2)))), 6)

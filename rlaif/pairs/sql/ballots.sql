-- The comparisons that pairs are made from, as they are stored. Where several voters are mixed, `ballots_mixed` replaces it.
CREATE OR REPLACE TEMP VIEW ballots AS
SELECT prompt, first, second, judge, criterion, preferred, verdict, repeat, probability FROM comparisons

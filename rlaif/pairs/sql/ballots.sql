-- The comparisons that pairs are made from, as stored. If several voters are mixed, `ballots_mixed` replaces this view.
CREATE OR REPLACE TEMP VIEW ballots AS
SELECT prompt, first, second, judge, criterion, preferred, verdict, repeat, probability FROM comparisons

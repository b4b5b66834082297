-- Takes out which answers were attacked last time; what the judge said of them stays.
DELETE FROM attacks WHERE judge = $judge

-- Forgets round $number of a chain, and all after it if it is the last.
DELETE FROM rounds WHERE chain = $chain AND (number = $number OR ($last AND number > $number))

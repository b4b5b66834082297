-- How many pairs had which fate, and why.
SELECT fate, why, count(*) AS pairs FROM diff GROUP BY fate, why
ORDER BY array_position(['same', 'flipped', 'lost', 'gained'], fate), pairs DESC, why

-- What attacks did to a voice's points, one row per attack and attacked answer: `change` in hundredths, null where the
-- attacked text has no points.
SELECT attacks.attack, attacked.points - original.points AS change
FROM attacks
JOIN audit_points AS original ON original.voice = $voice AND original.answer = attacks.original
LEFT JOIN audit_scored AS attacked ON attacked.voice = $voice AND attacked.answer = attacks.answer
WHERE attacks.judge = $judge
ORDER BY attacks.attack, attacks.original

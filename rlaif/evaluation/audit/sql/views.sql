-- Temporary tables with the data that an audit measures. A voice is a judge as a whole, or one of its criteria. $voices is a
-- list of {voice, judge, criterion, weight}, the criteria of each voice that scores; $comparing is a list of {voice, judge}
-- for judges that only vote; $generators selects the responses. Points are in hundredths of the scale, or the percentage of
-- comparisons won, with ties counting half; they are decimals, so that sums do not depend on the order of addition. A lead is
-- 1, 0 or -1: 1 if a is better than b.
CREATE OR REPLACE TEMP TABLE audit_parts AS
SELECT parts.*, low, high
FROM (
    SELECT unnest($voices::STRUCT(voice INTEGER, judge VARCHAR, criterion VARCHAR, weight DOUBLE)[], recursive := true)
) AS parts
JOIN (SELECT key, max(low) AS low, max(high) AS high FROM criteria GROUP BY key) AS criteria ON criteria.key = criterion;

CREATE OR REPLACE TEMP TABLE audit_comparing AS
SELECT unnest($comparing::STRUCT(voice INTEGER, judge VARCHAR)[], recursive := true);

-- At most $prompts prompts are measured: those that most judges have judged, ordered by digest among equals. Intervals come
-- from resampling blocks of prompts: one prompt per block if there are few, and never more than $blocks blocks.
CREATE OR REPLACE TEMP TABLE audit_blocks AS
WITH judges AS (SELECT judge FROM audit_parts UNION SELECT judge FROM audit_comparing),
spoken AS (
    SELECT DISTINCT responses.prompt, scored.judge
    FROM (SELECT DISTINCT answer, judge FROM scores SEMI JOIN judges USING (judge)) AS scored JOIN responses USING (answer)
    UNION SELECT prompt, judge FROM comparisons SEMI JOIN judges USING (judge) WHERE preferred IS NOT NULL
)
SELECT prompt, row_number() OVER chosen % $blocks AS block
FROM (SELECT prompt, count(*) AS judges FROM spoken GROUP BY prompt)
SEMI JOIN current_prompts ON current_prompts.key = prompt
WINDOW chosen AS (ORDER BY judges DESC, md5(prompt))
QUALIFY row_number() OVER chosen <= $prompts;

CREATE OR REPLACE TEMP TABLE audit_answers AS
SELECT responses.prompt, responses.answer, list_sort(list(DISTINCT responses.generator)) AS generators,
    any_value(length(responses.text)) AS characters,
    any_value(len(regexp_extract_all(responses.text, '(?m)^\s*(?:[-*•]|\d+[.)])\s')) >= 2) AS listed,
    any_value(length(prompts.messages) + coalesce(length(prompts.document), 0) + length(responses.text)) AS shown
FROM responses JOIN audit_blocks USING (prompt) JOIN current_prompts AS prompts ON prompts.key = responses.prompt
WHERE responses.failure IS NULL AND responses.generator IN (SELECT unnest($generators::VARCHAR[]))
GROUP BY responses.prompt, responses.answer;

-- Comparisons by a criterion, one row per side; `won` is the response's share. Of a model's comparisons, only those in both
-- orders count, because the response shown first may have won by its position.
CREATE OR REPLACE TEMP TABLE audit_bouts AS
WITH votes AS (
    SELECT judge, criterion, first, second,
        coalesce(probability, CASE preferred WHEN 'first' THEN 1 WHEN 'tie' THEN 0.5 ELSE 0 END) AS won
    FROM comparisons SEMI JOIN audit_parts USING (judge, criterion) SEMI JOIN audit_blocks USING (prompt)
    WHERE preferred IS NOT NULL
    WINDOW two AS (PARTITION BY judge, criterion, least(first, second), greatest(first, second))
    QUALIFY count(verdict) OVER two = 0 OR min(first) OVER two <> max(first) OVER two
)
SELECT judge, criterion, first AS answer, second AS other, won FROM votes
UNION ALL SELECT judge, criterion, second, first, 1 - won FROM votes;

-- Scores by response and criterion. A response's mean share against others of its prompt is a score as well.
CREATE OR REPLACE TEMP VIEW audit_marks AS
SELECT judge, criterion, answer, score FROM latest_scores WHERE score IS NOT NULL
UNION ALL
SELECT judge, criterion, answer, avg(won)::DECIMAL(18, 6)
FROM audit_bouts SEMI JOIN audit_answers USING (answer)
SEMI JOIN audit_answers AS others ON others.answer = audit_bouts.other
GROUP BY judge, criterion, answer;

CREATE OR REPLACE TEMP TABLE audit_scored AS
SELECT voice, answer,
    (sum(weight * 100 * (score::DOUBLE - low) / (high - low)) / sum(weight))::DECIMAL(9, 6) AS points
FROM audit_marks AS scores JOIN audit_parts USING (judge, criterion)
GROUP BY voice, answer
HAVING count(score) = any_value((SELECT count(*) FROM audit_parts AS parts WHERE parts.voice = audit_parts.voice));

-- The same for judges that only vote.
CREATE OR REPLACE TEMP TABLE audit_votes AS
SELECT voice, prompt, least(first, second) AS a, greatest(first, second) AS b,
    avg(CASE preferred WHEN 'tie' THEN 0 WHEN 'first' THEN 1 ELSE -1 END * if(first < second, 1, -1)) AS vote
FROM comparisons JOIN audit_comparing USING (judge) SEMI JOIN audit_blocks USING (prompt)
WHERE preferred IS NOT NULL
GROUP BY voice, prompt, a, b
HAVING count(verdict) = 0 OR count(DISTINCT first) = 2;

CREATE OR REPLACE TEMP TABLE audit_points AS
SELECT voice, prompt, answer, characters, points
FROM audit_scored JOIN audit_answers USING (answer)
UNION ALL
SELECT voice, prompt, answer, characters, avg(50 + 50 * vote)::DECIMAL(9, 6)
FROM (
    SELECT voice, prompt, a AS answer, vote FROM audit_votes
    UNION ALL SELECT voice, prompt, b, -vote FROM audit_votes
) JOIN audit_answers USING (prompt, answer)
GROUP BY ALL;

CREATE OR REPLACE TEMP TABLE audit_orders AS
SELECT one.voice, one.prompt, one.answer AS a, two.answer AS b,
    sign(one.points - two.points)::INT AS lead, abs(one.points - two.points) AS margin,
    sign(one.characters - two.characters)::INT AS longer
FROM audit_points AS one JOIN audit_points AS two
    ON two.voice = one.voice AND two.prompt = one.prompt AND two.answer > one.answer
ANTI JOIN audit_comparing ON audit_comparing.voice = one.voice
UNION ALL
SELECT votes.voice, prompt, a, b, sign(vote)::INT, (100 * abs(vote))::DECIMAL(9, 6),
    sign(one.characters - two.characters)::INT
FROM audit_votes AS votes
JOIN audit_answers AS one USING (prompt) JOIN audit_answers AS two USING (prompt)
WHERE one.answer = a AND two.answer = b;

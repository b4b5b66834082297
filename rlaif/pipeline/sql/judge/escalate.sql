-- Escalates to $judge the prompts that $earlier has not decided: $earlier has scored all their responses by $generators, and
-- the margin of the best eligible response over the worst (over the second best if $second) is below $margin hundredths or
-- does not exist. $criteria is a list of {criterion, factor, low, floor}; $denominator is the maximum of the points. If
-- $earlier is not the first judge, only the prompts that were escalated to it count. An escalation is permanent.
INSERT INTO cascade_escalations
WITH weighed AS (
    SELECT unnest($criteria::STRUCT(criterion VARCHAR, factor DECIMAL(18, 0), low DECIMAL(18, 6), floor DECIMAL(18, 6))[], recursive := true)
),
scored AS (
    SELECT answer, sum(factor * (score - low)) AS points, count(score) = (SELECT count(*) FROM weighed) AS whole,
        count(*) = (SELECT count(*) FROM weighed) AS asked, coalesce(bool_or(score < floor), false) AS below
    FROM latest_scores AS scores JOIN weighed ON weighed.criterion = scores.criterion
    WHERE judge = $earlier
    GROUP BY answer
),
answers AS (
    SELECT responses.prompt, responses.answer, bool_or(finish IS NOT DISTINCT FROM 'stop') AS finished
    FROM responses SEMI JOIN current_prompts ON current_prompts.key = responses.prompt
    WHERE failure IS NULL AND generator IN (SELECT unnest($generators::VARCHAR[]))
    GROUP BY responses.prompt, responses.answer
),
prompts AS (
    SELECT prompt, bool_and(coalesce(asked, false)) AS asked,
        max(points) FILTER (whole AND finished AND NOT below) AS best, list(points ORDER BY points DESC) FILTER (whole) AS points
    FROM answers LEFT JOIN scored ON scored.answer = answers.answer
    GROUP BY prompt
),
leads AS (
    SELECT prompt, CAST(100 * (best - if($second, list_filter(points, lambda each: each < best)[1], points[-1])) / $denominator
        AS DECIMAL(18, 6)) AS lead
    FROM prompts WHERE asked
)
SELECT prompt, $earlier, $judge, lead
FROM leads ANTI JOIN (FROM cascade_escalations WHERE before = $earlier AND judge = $judge) AS known ON known.prompt = leads.prompt
WHERE coalesce(lead < $margin, true)
    AND ($before_that IS NULL OR prompt IN (SELECT prompt FROM cascade_escalations WHERE before = $before_that AND judge = $earlier))

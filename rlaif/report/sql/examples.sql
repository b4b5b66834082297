-- A selection of pairs: two each with the largest, middle and smallest margin, and $drawn random ones (the same in every
-- report of the same pairs). Pairs without margins are all random. Texts are cut after $most characters; the *_length columns
-- have their full lengths.
WITH ranked AS (
    SELECT *, count(*) OVER () AS total,
        row_number() OVER (ORDER BY margin DESC NULLS LAST, md5(chosen || rejected)) AS place,
        row_number() OVER (ORDER BY md5(chosen || rejected)) AS draw
    FROM report_pairs
),
labelled AS (
    SELECT *, CASE
            WHEN margin IS NULL THEN if(draw <= 2 * $drawn, 'random', NULL)
            WHEN place <= 2 THEN 'largest margin'
            WHEN place > total - 2 THEN 'smallest margin'
            WHEN abs(2 * place - total - 1) < 2 THEN 'middle margin'
            WHEN draw <= $drawn THEN 'random'
        END AS why
    FROM ranked
)
SELECT why, labelled.prompt, labelled.chosen AS chosen_id, labelled.rejected AS rejected_id, margin::DOUBLE AS margin, confidence, prompts.messages,
    left(prompts.document, $most) AS document, length(prompts.document) AS document_length,
    left(chosen_text, $most) AS chosen, length(chosen_text) AS chosen_length, chosen_words, chosen_answer,
    left(rejected_text, $most) AS rejected, length(rejected_text) AS rejected_length, rejected_words, rejected_answer
FROM labelled JOIN prompts ON prompts.key = labelled.prompt
WHERE why IS NOT NULL
ORDER BY why = 'random', place

-- Pairs of a pairing with their texts, one row per pair: `messages` are those that were sent to the chosen response's
-- generator. `split` is by prompt; `place` numbers a split's pairs from 0, in the prompts' order of collection.
CREATE OR REPLACE TABLE memory.pair_texts AS
WITH placed AS (
    SELECT pairs.*, prompts.messages, prompts.source, prompts.metadata,
        CASE WHEN prompts.bucket < $held_out THEN 'test' ELSE 'train' END AS split,
        row_number() OVER (PARTITION BY split ORDER BY prompts.position, margin DESC, chosen, rejected) - 1 AS place
    FROM pairs JOIN prompts ON prompts.key = pairs.prompt
    WHERE pairing = $pairing
)
SELECT split, place, coalesce(shown.messages, placed.messages) AS messages, chosen.text AS chosen, rejected.text AS rejected,
    chosen.reasoning AS chosen_reasoning, rejected.reasoning AS rejected_reasoning,
    CAST(margin AS DOUBLE) AS margin, confidence,
    chosen.score AS score_chosen, rejected.score AS score_rejected,
    chosen.criterion_scores AS criterion_scores_chosen, rejected.criterion_scores AS criterion_scores_rejected,
    chosen.rationales AS rationales_chosen, rejected.rationales AS rationales_rejected,
    compared.rationales AS comparison_rationales,
    chosen.generator AS chosen_generator, rejected.generator AS rejected_generator,
    -- An absolute path says more about the machine than about the data.
    regexp_replace(placed.source, '^(/|\w:).*[/\\]', '') AS source, placed.metadata,
    placed.prompt AS prompt_id, placed.chosen AS chosen_id, placed.rejected AS rejected_id
FROM placed
JOIN response_texts AS chosen ON chosen.key = placed.chosen
JOIN response_texts AS rejected ON rejected.key = placed.rejected
LEFT JOIN shown_prompts AS shown ON shown.prompt = placed.prompt AND shown.generator = chosen.generator_key
LEFT JOIN comparison_rationales AS compared
    ON compared.one = least(chosen.answer, rejected.answer) AND compared.other = greatest(chosen.answer, rejected.answer)

-- HelpSteer2: one response with five human ratings; prompts with several turns use the marker <extra_id_1>.
-- card: nvidia/HelpSteer2 (CC-BY-4.0)
-- columns: prompt, response, helpfulness, correctness, coherence, complexity, verbosity
-- labels: whole numbers from 0 to 4. More is better for the first three; complexity and verbosity describe the response.
SELECT
    marked_turns(prompt) AS prompt,
    [response] AS responses,
    [
        score(1, 'human', 'helpfulness', helpfulness, 0, 4), score(1, 'human', 'correctness', correctness, 0, 4),
        score(1, 'human', 'coherence', coherence, 0, 4), score(1, 'human', 'complexity', complexity, 0, 4),
        score(1, 'human', 'verbosity', verbosity, 0, 4)
    ] AS scores
FROM source

-- The functions that layouts use. Every column of `source` is JSON, so that a value of an unexpected type is visible and
-- never becomes another label.

-- The text of a JSON string; null for all other types.
CREATE MACRO as_text(x) AS CASE WHEN json_type(x) = 'VARCHAR' THEN x ->> '$' END;

-- The value of a JSON number, or of a number written as text; null for all other types.
CREATE MACRO as_number(x) AS CASE
    WHEN json_type(x) IN ('UBIGINT', 'BIGINT', 'DOUBLE', 'VARCHAR') AND isfinite(try_cast(x ->> '$' AS DOUBLE)) THEN try_cast(x ->> '$' AS DOUBLE)
END;

-- The canonical form of a code: 1, 1.0, "1" and true are '1'. Null for null, lists and objects.
CREATE MACRO as_code(x) AS CASE json_type(x)
    WHEN 'BOOLEAN' THEN if((x ->> '$') = 'true', '1', '0')
    WHEN 'VARCHAR' THEN regexp_replace(trim(x ->> '$'), '^(-?[0-9]+)[.]0+$', '\1')
    WHEN 'UBIGINT' THEN x ->> '$' WHEN 'BIGINT' THEN x ->> '$'
    WHEN 'DOUBLE' THEN regexp_replace(x ->> '$', '^(-?[0-9]+)[.]0+$', '\1')
END;

-- The items of a JSON list, also of a list written as text; null for all other types.
CREATE MACRO items(x) AS CASE
    WHEN json_type(x) = 'ARRAY' THEN json_extract(x, '$[*]')
    WHEN json_type(x) = 'VARCHAR' AND json_valid(x ->> '$') AND json_type(x ->> '$') = 'ARRAY' THEN json_extract((x ->> '$')::JSON, '$[*]')
END;

CREATE MACRO is_missing(x) AS x IS NULL OR json_type(x) = 'NULL';

-- A chat message.
CREATE MACRO turn(speaker, content) AS json_object('role', speaker, 'content', content);

-- One score of the response at a position, counted from 1.
CREATE MACRO score(response, judge, criterion, value, low, high) AS {
    response: response::INTEGER, judge: judge::VARCHAR, criterion: criterion::VARCHAR,
    value: value::JSON, low: low::DOUBLE, high: high::DOUBLE
};

-- One preference: the response at position `better` over the one at `worse`. `strength` is between 0 (a tie) and 1, or null.
CREATE MACRO preference(better, worse, judge, strength, tie) AS {
    first: better::INTEGER, second: worse::INTEGER, judge: judge::VARCHAR, strength: strength::DOUBLE, tie: tie::BOOLEAN,
    preferred: NULL::VARCHAR
};

-- The recorded verdict of a judge that saw the response at `first` before the one at `second`. `preferred` is 'first', 'second',
-- 'tie', or null without a verdict.
CREATE MACRO comparison(first, second, judge, preferred) AS {
    first: first::INTEGER, second: second::INTEGER, judge: judge::VARCHAR, strength: NULL::DOUBLE, tie: preferred = 'tie',
    preferred: preferred::VARCHAR
};

-- The verdict that a code names; null for any other code.
CREATE MACRO verdict(code, first, second, ties) AS CASE
    WHEN list_contains(first, code) THEN 'first' WHEN list_contains(second, code) THEN 'second' WHEN list_contains(ties, code) THEN 'tie'
END;

-- A vote that is missing or has no meaning; it is dropped and counted.
CREATE MACRO no_preference(judge) AS preference(1, 2, judge, NULL, NULL);

-- The preference between two responses by a code, as a list. `unknown` reports a code that has no meaning.
CREATE MACRO vote(code, first, second, ties, judge) AS CASE
    WHEN list_contains(first, code) THEN [preference(1, 2, judge, NULL, false)]
    WHEN list_contains(second, code) THEN [preference(2, 1, judge, NULL, false)]
    WHEN list_contains(ties, code) THEN [preference(1, 2, judge, NULL, true)]
    ELSE [no_preference(judge)]
END;

-- Why a code cannot be used; null if it is one of the known codes.
CREATE MACRO unknown(code, known, name) AS CASE
    WHEN code IS NULL THEN 'no code in column ''' || name || ''''
    WHEN NOT list_contains(known, code) THEN 'an unknown code in column ''' || name || ''': ' || code
END;

-- The preference by a number from -limit (the first is much better) to limit (the second is), as a list.
CREATE MACRO strength_vote(x, most, judge) AS CASE
    WHEN x = 0 THEN [preference(1, 2, judge, 0, true)]
    WHEN x < 0 AND x >= -most THEN [preference(1, 2, judge, -x / most, false)]
    WHEN x > 0 AND x <= most THEN [preference(2, 1, judge, x / most, false)]
    ELSE [no_preference(judge)]
END;

-- Why a strength cannot be used; null if it can.
CREATE MACRO bad_strength(x, most, name) AS CASE
    WHEN x IS NULL THEN 'no strength in column ''' || name || ''''
    WHEN abs(x) > most THEN 'a strength out of range in column ''' || name || ''': ' || x
END;

-- The turns of "Human: … Assistant: …" as a list of messages.
CREATE MACRO transcript(x) AS list_transform(
    list_zip(
        regexp_extract_all(E'\n\n' || trim(as_text(x), E' \n\t'), E'\n\n(Human|User|Assistant):', 1),
        string_split_regex(E'\n\n' || trim(as_text(x), E' \n\t'), E'\n\n(Human|User|Assistant):[ \t]?')[2:]
    ),
    lambda each: turn(if(each[1] = 'Assistant', 'assistant', 'user'), trim(each[2], E' \n\t'))
);

-- Why a transcript cannot be used; null if its turns alternate, starting with the user.
CREATE MACRO bad_transcript(x, name) AS CASE
    WHEN as_text(x) IS NULL THEN 'no text in column ''' || name || ''''
    WHEN NOT regexp_matches(E'\n\n' || trim(as_text(x), E' \n\t'), E'^\n\n(Human|User):')
        OR list_contains(list_transform(
            list_zip(list_transform(transcript(x), lambda each: each ->> 'role'), list_transform(transcript(x)[2:], lambda each: each ->> 'role')),
            lambda each: each[1] IS NOT DISTINCT FROM each[2]), true)
        THEN 'a transcript whose turns do not alternate in column ''' || name || ''''
END;

-- The preference of a chosen response (position 1) over a rejected one, which is a tie if their scores are equal.
CREATE MACRO chosen_over_rejected(judge, a, b) AS [preference(1, 2, judge, NULL, coalesce(as_number(a) = as_number(b), false))];

-- Why the scores of a chosen and a rejected response cannot be used; null if they can.
CREATE MACRO bad_order(a, b) AS CASE
    WHEN (as_number(a) IS NULL) <> (as_number(b) IS NULL) THEN 'a score of only one of two responses'
    WHEN as_number(a) IS NULL AND NOT (is_missing(a) AND is_missing(b)) THEN 'a score that is not a number'
    WHEN as_number(a) < as_number(b) THEN 'a rejected response that is scored higher than the chosen one: ' || as_number(a) || ' and ' || as_number(b)
END;

-- An instruction, with its input after a blank line if it has one.
CREATE MACRO with_input(instruction, input) AS CASE
    WHEN as_text(instruction) IS NULL OR coalesce(trim(as_text(input)), '') = '' THEN instruction
    ELSE to_json(as_text(instruction) || E'\n\n' || as_text(input))
END;

-- The turns of users and of a model in turn, as a list of messages; null if the lists differ in length.
CREATE MACRO dialogue(requests, replies) AS CASE WHEN len(requests) = len(replies) THEN
    flatten(list_transform(list_zip(requests, replies), lambda each: [turn('user', each[1]), turn('assistant', each[2])]))
END;

-- A prompt of HelpSteer2, whose later turns start with the marker <extra_id_1>, as a text or a list of messages.
CREATE MACRO marked_turns(x) AS CASE
    WHEN as_text(x) IS NULL OR NOT contains(as_text(x), '<extra_id_1>') THEN x
    ELSE to_json(list_transform(
        string_split('User' || chr(10) || as_text(x), '<extra_id_1>'),
        lambda part: turn(if(starts_with(trim(part), 'Assistant'), 'assistant', 'user'), trim(regexp_replace(part, '^\s*(User|Assistant)[ \t]*\n?', ''), E' \n\t'))
    ))
END;

-- A JSON object, also one written as text; null for all other types.
CREATE MACRO as_object(x) AS CASE
    WHEN json_type(x) = 'OBJECT' THEN x
    WHEN json_type(x) = 'VARCHAR' AND json_valid(x ->> '$') AND json_type(x ->> '$') = 'OBJECT' THEN (x ->> '$')::JSON
END;

-- A rating; null if it is "N/A".
CREATE MACRO rating(x) AS CASE WHEN coalesce(upper(trim(as_text(x))), '') <> 'N/A' THEN x END;

-- Why two scores are out of range; null if they are not.
CREATE MACRO out_of_range(a, b, low, high) AS CASE
    WHEN coalesce(as_number(a) < low OR as_number(a) > high OR as_number(b) < low OR as_number(b) > high, false)
        THEN 'a score that is not from ' || low || ' to ' || high
END;

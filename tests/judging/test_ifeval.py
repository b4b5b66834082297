"""Cases of IFEval's 25 instruction types; the verdicts are those of the published definitions, compared by running them.

One differs: langdetect takes the English sentence in capital letters for another language."""

import json
from typing import Any

import pytest
import yaml

from rlaif.core.errors import InputError, ModelError
from rlaif.judging.checks.english import count_sentences, split_tokens
from rlaif.judging.checks.ifeval import followed, ifeval
from rlaif.judging.checks.ifeval_types import TYPES
from tests.support.paths import ROOT
from tools import instruction_prompts

AT_LEAST, LESS = "at least", "less than"
ENGLISH = "the river rises early in spring and floods the lower fields"
CASES: list[tuple[str, dict[str, Any], list[str], list[str]]] = [
    # type, arguments, texts that follow the instruction, texts that do not
    ("keywords:existence", {"keywords": ["ice", "sea"]}, ["Seaside notice", "ICE at SEA"], ["ice", ""]),
    ("keywords:frequency", {"keyword": "ice ", "frequency": 2, "relation": AT_LEAST}, ["Ice, nice"], ["ice"]),
    ("keywords:frequency", {"keyword": "ice", "frequency": 2, "relation": LESS}, ["ice", "sea"], ["Ice, nice"]),
    ("keywords:forbidden_words", {"forbidden_words": ["ice"]}, ["nice", "ice_x"], ["Ice.", "ice-cold"]),
    ("keywords:letter_frequency", {"letter": "S", "let_frequency": 3, "let_relation": AT_LEAST}, ["Sass"], ["as"]),
    ("language:response_language", {"language": "fr"}, ["Le fleuve monte tôt au printemps.", "12"], ["The river rises."]),
    ("length_constraints:number_sentences", {"num_sentences": 2, "relation": AT_LEAST}, ["One. two!"], ["Mr. Hill\n\nno end"]),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, ["a\n***\nb", "a *** b***"], ["a\n\nb", "a******b"]),
    ("length_constraints:number_words", {"num_words": 3, "relation": AT_LEAST}, ["it's so"], ["one two", "1. !"]),
    ("length_constraints:number_words", {"num_words": 3, "relation": LESS}, ["one two"], ["one-two three"]),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "Then"},
        ["a\n\nthen b", "a\n\n'Then, b"],
        ["then\n\na", "a\n\nthen\n\nb", "a\n\n\n\nthen b", "a\n\n(then"],
    ),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, ["[a] [b c]", "[[a] []"], ["[a\n] [b]", "[a"]),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, ["a\nP.S. b", "a p. s. b"], ["PS: b", "P.S b"]),
    ("detectable_content:postscript", {"postscript_marker": "P.P.S"}, ["a\nP.P.S b", "p. p. s"], ["P.S. b"]),
    ("detectable_format:number_bullet_lists", {"num_bullets": 2}, ["* a\n* b", " - a\n-b"], ["* a", "** a\n* b", "* a\n- b\n- c"]),
    ("detectable_format:constrained_response", {}, ["So: My answer is no."], ["my answer is no.", "My answer is no"]),
    ("detectable_format:number_highlighted_sections", {"num_highlights": 2}, ["*a* *b*", "**a** *c*"], ["*a* * *", "*a\n*"]),
    ("detectable_format:multiple_sections", {"section_spliter": "Day", "num_sections": 2}, ["Day 1\na\nDay2"], ["Day 1", "day 1 day 2"]),
    ("detectable_format:json_format", {}, ['{"a": 1}', "```json\n[1]\n```", "7"], ["{a: 1}", 'Here: {"a": 1}', "[" * 100_000]),
    ("detectable_format:title", {}, ["<<a>>", "x <<a>> b"], ["<a>", "<<>>", "<< >>", "<<a\n>>"]),
    ("combination:two_responses", {}, ["a******b", "a\n******\nb******"], ["a******a", "a", "a******b******c", "a****** ******b"]),
    ("combination:repeat_prompt", {"prompt_to_repeat": "Say it. "}, [" say it. Yes"], ['"Say it. Yes', "Yes"]),
    ("startend:end_checker", {"end_phrase": "The end."}, ["x the END.\n", 'x The end."'], ["The end. x", "The end"]),
    ("startend:quotation", {}, ['"a"', ' "a" '], ['"', '"a', "“a”"]),
    ("change_case:capital_word_frequency", {"capital_frequency": 2, "capital_relation": AT_LEAST}, ["I AM", "DON'T", "U.S. TOP-10"], ["Ice, A.", "WELL-kept A"]),
    ("change_case:capital_word_frequency", {"capital_frequency": 2, "capital_relation": LESS}, ["Ice, A."], ["I AM"]),
    ("change_case:english_capital", {}, [ENGLISH.upper()], [ENGLISH, "12"]),
    ("change_case:english_lowercase", {}, [ENGLISH], [ENGLISH.title(), "le fleuve monte tôt au printemps dans la vallée"]),
    ("punctuation:no_comma", {}, ["a; b", "a，b"], ["a, b"]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "given", "good", "bad"), CASES)
def test_each_type_of_instruction_has_the_published_verdict(
    name: str, given: dict[str, Any], good: list[str], bad: list[str]
) -> None:
    assert [text for text in good if not followed(text, [name], [given])[0]] == []
    assert [text for text in bad if followed(text, [name], [given])[0]] == []


def test_all_25_types_have_cases() -> None:
    assert {case[0] for case in CASES} == set(TYPES)
    assert len(TYPES) == 25


def test_loose_verdicts_ignore_the_first_or_last_line_and_asterisks() -> None:
    types, arguments = ["startend:quotation", "punctuation:no_comma"], [{}, None]
    text = 'Sure, here it is:\n*"Ice"*'
    assert followed(text, types, arguments) == [False, False]
    assert followed(text, types, arguments, loose=True) == [True, True]
    assert followed(" \n", ["punctuation:no_comma"], [{}], loose=True) == [False]


def test_the_check_returns_the_share_or_whether_all_are_followed() -> None:
    given = {"types": ["punctuation:no_comma", "startend:quotation"], "arguments": [{"keyword": None}, {}]}
    assert ifeval(None, "a b", **given) == 0.5  # type: ignore[arg-type]
    assert ifeval(None, "a b", **given, level="prompt") == 0  # type: ignore[arg-type]
    with pytest.raises(InputError, match="`level` is 'word'"):
        ifeval(None, "a b", **given, level="word")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("types", "arguments", "message"),
    [
        (["no_comma"], [{}], "unknown instruction type"),
        (["punctuation:no_comma"], [], "one set of arguments"),
        (["length_constraints:number_words"], [{"num_words": 3}], "wrong arguments"),
        (["length_constraints:number_words"], [{"num_words": 3, "relation": "about"}], "unknown relation"),
    ],
)
def test_instructions_that_cannot_be_read_are_inapplicable(types: list[str], arguments: list[Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        followed("text", types, arguments)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("no mark", 1),
        ("One. Two? Three! four", 4),
        ("Dr. Hill met Mr. J. Marsh at 3.5 p.m. on Jan. 5. He left.", 2),
        ("He lives in the U.S. The sea is far.", 2),
        ("Wait... what? (Yes.) \"No.\" Ok", 4),
        ("1. Ice\n2. Sea", 3),
    ],
)  # fmt: skip
def test_sentences_are_counted_as_punkt_does(text: str, count: int) -> None:
    assert count_sentences(text) == count


def test_tokens_are_those_of_the_treebank() -> None:
    assert split_tokens("I DON'T know, it's \"U.S.\" well-kept (A).") == ["I", "DO", "N'T", "know", "it", "'s", "U.S.", "well-kept", "A", "."]  # fmt: skip


def test_the_shipped_prompts_are_those_of_the_tool_and_can_be_checked() -> None:
    with (ROOT / "pipelines/data/instruction_prompts.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    parts = yaml.safe_load(instruction_prompts.FILE.read_text(encoding="utf-8"))
    assert rows == list(instruction_prompts.prompts(parts, instruction_prompts.COUNT))
    assert len({row["prompt"] for row in rows}) == len(rows)
    for row in rows:
        assert len(followed("text", row["instruction_id_list"], row["kwargs"])) >= 2

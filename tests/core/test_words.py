"""One way to split words, in Python and in SQL, for scripts with and without spaces."""

import re

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlaif.core.words import SQL_WORD, count_words, find_words, word_starts
from rlaif.evaluation.text_stats import repetition, words
from rlaif.judging.retrieval import chunks
from rlaif.store.store import sql

TEXTS = {
    "English": ("It's 3 o'clock - well, almost.", 6, ["It", "s", "3", "o", "clock", "well", "almost"]),
    "German": ("Straßen­bahn über Öl", 3, None),
    "Chinese": ("你好，世界。", 4, ["你", "好", "世", "界"]),
    "Chinese and English": ("用GPT写「三个」例子", 7, ["用", "GPT", "写", "三", "个", "例", "子"]),
    "Japanese": ("コーヒーを飲みます。", 7, ["コー", "ヒー", "を", "飲", "み", "ま", "す"]),
    "half-width katakana": ("ｶﾞｽ", 2, ["ｶﾞ", "ｽ"]),
    "Thai": ("ผมซื้อรถ 15 คัน", 9, ["ผ", "ม", "ซื้", "อ", "ร", "ถ", "15", "คั", "น"]),
    "Lao": ("ສະບາຍດີ", 6, ["ສ", "ະ", "ບ", "າ", "ຍ", "ດີ"]),
    "Khmer": ("នេះជា", 2, ["នេះ", "ជា"]),
    "Burmese": ("မင်္ဂလာပါ", 5, ["မ", "င်္", "ဂ", "လာ", "ပါ"]),
    "Korean": ("안녕 세계", 2, ["안녕", "세계"]),
    "Hindi": ("हिन्दी में", 2, ["हिन्दी", "में"]),
    "Persian with a non-joiner": ("می\u200cخواهم بروم", 2, ["می\u200cخواهم", "بروم"]),
    "decomposed accents": ("cafe\u0301 noir", 2, ["cafe\u0301", "noir"]),
    "marks only": ("... — !", 3, []),
    "an ideographic space": ("a\u3000b\xa0c", 3, ["a", "b", "c"]),
    "nothing": (" \n", 0, []),
}


@pytest.mark.parametrize("name", TEXTS)
def test_words_are_counted_and_found(name: str) -> None:
    text, count, found = TEXTS[name]
    assert count_words(text) == count
    if found is not None:
        assert find_words(text) == found


@given(st.text("ab1 .,'-_\n\té\u2014"))
def test_words_of_alphabets_are_what_they_were(text: str) -> None:
    assert count_words(text) == len(text.split()) == len(word_starts(text))
    assert find_words(text) == re.findall(r"\w+", text)
    assert words(text) == re.findall(r"\w+|[^\w\s]", text.lower())


def test_a_view_counts_words_as_python_does() -> None:
    files = ["store/views", "evaluation/sql/answers", "report/sql/views"]
    patterns = [re.findall(r"regexp_extract_all\([\w.]*text, '(.+?)'\)\)", sql(file)) for file in files]
    assert {pattern for found in patterns for pattern in found} == {SQL_WORD}
    assert all(patterns)


ALPHABET = st.sampled_from("a1 .,-\n\t\xa0\u3000，。「」・ー你好かなカナｶﾞ๏กัาิ฿ລີកេក្မ်း한é\u0301\u200d👩½") | st.characters(
    max_codepoint=0x2FFF, exclude_categories=("Cs", "Cn"), exclude_characters="\x00"
)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(ALPHABET, max_size=12), min_size=20, max_size=60))
def test_sql_and_python_count_the_same_words(texts: list[str]) -> None:
    rows = duckdb.execute("SELECT len(regexp_extract_all(t, $p)) FROM (SELECT unnest($t) AS t)", {"t": texts, "p": SQL_WORD})
    assert [count for (count,) in rows.fetchall()] == list(map(count_words, texts))


def test_passages_of_a_text_without_spaces_are_whole_and_short() -> None:
    text = "我们明天去图书馆。" * 30
    pieces = chunks(text, 20)
    assert "".join(pieces) == text
    assert all(count_words(piece) <= 20 for piece in pieces)
    assert len(pieces) == 12


def test_repetition_is_seen_in_a_text_without_spaces() -> None:
    assert repetition(words("今天天气很好今天天气很好")) > 0.2
    assert repetition(words("今天天气很好明日有雨")) == 0

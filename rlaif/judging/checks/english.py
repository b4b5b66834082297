"""Sentences and tokens of English text, close to NLTK's Punkt and Treebank tokenizers, which IFEval's definitions use."""

import re
from itertools import pairwise
from typing import Final

# A period after these (in any case) rarely ends a sentence. As in Punkt's English model, "etc" and "e.g" are not here.
_ABBREVIATIONS: Final = """mr mrs ms messrs dr prof st sr jr gen sen rep col lt maj adm inc ltd co corp cos bros vs ft ave
    jan feb aug sep sept oct nov dec fri tues wed mich minn calif u.s u.s.a u.k u.n n.y n.j l.a d.c a.m p.m ph.d a.d m.b.a"""
# Words that are capitalized only where a sentence starts, so that an abbreviation before them ended one.
_STARTERS: Final = """a after all although an and another any as at because before both but by each finally first for from he
    her here his how however i if in instead it its let many most my no not now of on once one or other our she since so some
    still such that the their then there these they this those though thus to two under until we what when where while who
    why with you your"""
ABBREVIATIONS: Final = frozenset(_ABBREVIATIONS.split())
STARTERS: Final = frozenset(_STARTERS.split())
# Quotation marks, brackets and emphasis around a sentence.
OPENING: Final = "\"'“‘([{*_"
CLOSING: Final = "\"'”’)]}*_"
MARKS: Final = ".!?"
WORD: Final = re.compile(r"\w*")
# Treebank's tokens: contractions are split, hyphenated words and abbreviations are not.
TOKEN: Final = re.compile(r"[^\s\"“”()\[\]{}<>,;:!?@#$%&*`]+")
CONTRACTION: Final = re.compile(r"(?i)(?<=\w)(n't|'(?:s|m|d|ll|re|ve))(?!\w)")


def count_sentences(text: str) -> int:
    """Count the sentences of a text. A line break without a mark ends none."""
    tokens = text.split()
    return min(len(tokens), 1) + sum(_ends_sentence(token, following) for token, following in pairwise(tokens))


def _ends_sentence(token: str, following: str) -> bool:
    """Return whether a sentence ends between two tokens, which white space separates."""
    token = token.lstrip(OPENING).rstrip(CLOSING).lower()
    word = token.rstrip(MARKS)
    marks = token[len(word) :]
    if word.isdigit() and marks == ".":
        return not following[0].islower()
    abbreviated = word in ABBREVIATIONS or (len(word) == 1 and word.isalpha() and word != "i")
    if set(marks) != {"."} or not (abbreviated or len(marks) > 1):
        return marks != ""
    first = WORD.match(following)
    return following[0].isupper() and first is not None and first[0].lower() in STARTERS


def split_tokens(text: str) -> list[str]:
    """Split a text into words as the Penn Treebank does, without most punctuation marks."""
    return [part for token in TOKEN.findall(text) for part in CONTRACTION.sub(r" \1", token).split()]

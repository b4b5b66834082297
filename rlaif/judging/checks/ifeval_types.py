"""The 25 instruction types of IFEval: each decides whether a text follows one instruction. All take linear time."""

import json
import re
from collections.abc import Callable, Sequence
from typing import Final

from rlaif.core.errors import ModelError
from rlaif.judging.checks.english import count_sentences, split_tokens
from rlaif.judging.checks.text import identify_language

ANSWERS: Final = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
BULLET: Final = re.compile(r"^[^\S\n]*(?:\*[^*].*|-.*)$", re.MULTILINE)
HIGHLIGHT: Final = re.compile(r"\*([^\n*]*)\*")
DOUBLE_HIGHLIGHT: Final = re.compile(r"\*\*([^\n*]*)\*\*")
DIVIDER: Final = re.compile(r"\s?\*\*\*\s?")
JSON_FENCES: Final = ("```json", "```Json", "```JSON", "```")


def compare(count: int, relation: str, limit: int) -> bool:
    """Return whether a count is `at least` or `less than` a limit."""
    if relation not in ("at least", "less than"):
        raise ModelError("inapplicable", f"unknown relation {relation!r}: use 'at least' or 'less than'")
    return count >= limit if relation == "at least" else count < limit


def existence(text: str, *, keywords: Sequence[str]) -> bool:
    """All keywords occur, as parts of words too."""
    return all(re.search(re.escape(keyword), text, re.IGNORECASE) for keyword in keywords)


def frequency(text: str, *, keyword: str, frequency: int, relation: str) -> bool:
    """The keyword occurs so often."""
    return compare(len(re.findall(re.escape(keyword.strip()), text, re.IGNORECASE)), relation, frequency)


def forbidden_words(text: str, *, forbidden_words: Sequence[str]) -> bool:
    """None of these words occurs as a whole word."""
    return not any(re.search(rf"\b{re.escape(word)}\b", text, re.IGNORECASE) for word in forbidden_words)


def letter_frequency(text: str, *, letter: str, let_frequency: int, let_relation: str) -> bool:
    """The letter occurs so often, in either case."""
    return compare(text.lower().count(letter.strip().lower()), let_relation, let_frequency)


def response_language(text: str, *, language: str) -> bool:
    """The text is in this language. A text without letters passes."""
    return identify_language(text, 1) in (None, language)


def number_sentences(text: str, *, num_sentences: int, relation: str) -> bool:
    """The text has so many sentences."""
    return compare(count_sentences(text), relation, num_sentences)


def number_paragraphs(text: str, *, num_paragraphs: int) -> bool:
    """The text has exactly so many paragraphs, separated by `***`."""
    parts = [bool(part.strip()) for part in DIVIDER.split(text)]
    return all(parts[1:-1]) and sum(parts) == num_paragraphs


def number_words(text: str, *, num_words: int, relation: str) -> bool:
    """The text has so many words: runs of letters, digits and underscores."""
    return compare(len(re.findall(r"\w+", text)), relation, num_words)


def nth_paragraph_first_word(text: str, *, num_paragraphs: int, nth_paragraph: int, first_word: str) -> bool:
    """The text has exactly so many paragraphs, separated by an empty line, and one of them starts with this word."""
    parts = [part.strip() for part in text.split("\n\n")]
    count = sum(bool(part) for part in parts)
    if not 1 <= nth_paragraph <= count or not parts[nth_paragraph - 1]:
        return False
    start = parts[nth_paragraph - 1].split()[0].lstrip("'").lstrip('"')
    return count == num_paragraphs and re.split("[.,?!'\"]", start)[0].lower() == first_word.lower()


def number_placeholders(text: str, *, num_placeholders: int) -> bool:
    """The text has at least so many placeholders in square brackets."""
    return sum(_placeholders(line) for line in text.split("\n")) >= num_placeholders


def _placeholders(line: str) -> int:
    count = end = 0
    while (start := line.find("[", end)) >= 0 and (end := line.find("]", start)) >= 0:
        count += 1
    return count


def postscript(text: str, *, postscript_marker: str) -> bool:
    """The text has a postscript with this marker."""
    marker = postscript_marker.strip()
    known = {"P.P.S": r"p\.\s?p\.\s?s", "P.S.": r"p\.\s?s\."}
    return re.search(known.get(marker, re.escape(marker.lower())), text.lower()) is not None


def number_bullet_lists(text: str, *, num_bullets: int) -> bool:
    """The text has exactly so many bullet points in Markdown."""
    return len(BULLET.findall(text)) == num_bullets


def constrained_response(text: str) -> bool:
    """The text contains one of three fixed answers."""
    return any(answer in text for answer in ANSWERS)


def number_highlighted_sections(text: str, *, num_highlights: int) -> bool:
    """The text has at least so many highlighted parts in Markdown; one in bold counts as often as both patterns match."""
    found = [*HIGHLIGHT.findall(text), *DOUBLE_HIGHLIGHT.findall(text)]
    return sum(bool(part.strip()) for part in found) >= num_highlights


def multiple_sections(text: str, *, section_spliter: str, num_sections: int) -> bool:
    """The text has at least so many headings like `Section 1`."""
    return len(re.findall(rf"{re.escape(section_spliter.strip())}\s?\d+", text)) >= num_sections


def json_format(text: str) -> bool:
    """The text is JSON, alone or in a code fence."""
    text = text.strip()
    for fence in JSON_FENCES:
        text = text.removeprefix(fence)
    try:
        json.loads(text.removesuffix("```").strip())
    except (ValueError, RecursionError):
        return False
    return True


def title(text: str) -> bool:
    """The text has a title in double angular brackets."""
    return any(_title(line) for line in text.split("\n"))


def _title(line: str) -> bool:
    start, end = line.find("<<"), line.rfind(">>")
    return 0 <= start < end - 2 and bool(line[start:end].lstrip("<").rstrip(">").strip())


def two_responses(text: str) -> bool:
    """The text has two different parts, separated by `******`."""
    parts = [part.strip() for part in text.split("******")]
    full = [part for part in parts if part]
    return all(parts[1:-1]) and len(full) == 2 and full[0] != full[1]


def repeat_prompt(text: str, *, prompt_to_repeat: str) -> bool:
    """The text starts with the prompt, in any case."""
    return text.strip().lower().startswith(prompt_to_repeat.strip().lower())


def end_checker(text: str, *, end_phrase: str) -> bool:
    """The text ends with this phrase, in any case."""
    return text.strip().strip('"').lower().endswith(end_phrase.strip().lower())


def capital_word_frequency(text: str, *, capital_frequency: int, capital_relation: str) -> bool:
    """The text has so many words in capital letters."""
    return compare(sum(token.isupper() for token in split_tokens(text)), capital_relation, capital_frequency)


def english_capital(text: str) -> bool:
    """The text is English in capital letters."""
    return text.isupper() and identify_language(text, 1) in (None, "en")


def english_lowercase(text: str) -> bool:
    """The text is English in small letters."""
    return text.islower() and identify_language(text, 1) in (None, "en")


def no_comma(text: str) -> bool:
    """The text has no comma."""
    return "," not in text


def quotation(text: str) -> bool:
    """The text stands in double quotation marks."""
    text = text.strip()
    return len(text) > 1 and text[0] == text[-1] == '"'


TYPES: Final[dict[str, Callable[..., bool]]] = {
    "keywords:existence": existence,
    "keywords:frequency": frequency,
    "keywords:forbidden_words": forbidden_words,
    "keywords:letter_frequency": letter_frequency,
    "language:response_language": response_language,
    "length_constraints:number_sentences": number_sentences,
    "length_constraints:number_paragraphs": number_paragraphs,
    "length_constraints:number_words": number_words,
    "length_constraints:nth_paragraph_first_word": nth_paragraph_first_word,
    "detectable_content:number_placeholders": number_placeholders,
    "detectable_content:postscript": postscript,
    "detectable_format:number_bullet_lists": number_bullet_lists,
    "detectable_format:constrained_response": constrained_response,
    "detectable_format:number_highlighted_sections": number_highlighted_sections,
    "detectable_format:multiple_sections": multiple_sections,
    "detectable_format:json_format": json_format,
    "detectable_format:title": title,
    "combination:two_responses": two_responses,
    "combination:repeat_prompt": repeat_prompt,
    "startend:end_checker": end_checker,
    "startend:quotation": quotation,
    "change_case:capital_word_frequency": capital_word_frequency,
    "change_case:english_capital": english_capital,
    "change_case:english_lowercase": english_lowercase,
    "punctuation:no_comma": no_comma,
}

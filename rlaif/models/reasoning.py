"""Split a model's reasoning from its text, by the markers of all known model families.

Some servers return reasoning in a separate field; others leave it in the text, between markers that the model writes. The
opening marker may be missing, because many chat templates end with it.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

Span = tuple[int, int]

# The characters that marks start with.
_MARK_STARTS: Final = "<[◁"
# A closing mark that follows a quotation mark or a backtick, and the ends of such quotations.
_QUOTED: Final = re.compile(r"""([`"'“‘«])[<\[◁][^<>\[\]\n]{1,40}[>\]▷]\Z""")
_ENDS: Final = {"“": "”", "‘": "’", "«": "»"}

# The names of reasoning in markers, which may follow a prefix, as in `<seed:think>`.
_NAME: Final = r"(?:thinking|thoughts?|think|reasoning)"
# Special tokens contain a vertical bar, which is full-width in some vocabularies.
_LEFT, _RIGHT = r"<[|｜]", r"[|｜]>"
# What Harmony writes after the name of a channel, and at the end of a message.
_HARMONY: Final = re.compile(r"\A\s*<\|message\|>|<\|end\|>\s*<\|start\|>\s*assistant\s*\Z")
# The number of last characters that are searched for markers that end the text.
_LONGEST_ENDING: Final = 80


@dataclass(frozen=True, slots=True)
class _Family:
    """The marks that open and close reasoning, and those that end the text after it."""

    opening: re.Pattern[str]
    closing: re.Pattern[str]
    ending: re.Pattern[str]
    between: re.Pattern[str]
    """Matches marks between two parts of the reasoning."""


def _family(opening: str, closing: str, ending: str = r"\s*\Z") -> _Family:
    patterns = (opening, closing, ending, rf"(?:{closing})\s*(?:{opening})")
    return _Family(*(re.compile(pattern, re.IGNORECASE) for pattern in patterns))


def _tag(name: str) -> _Family:
    # With a space after `<`, it is not a marker: the judge's view of a response has one there (see rlaif.config.templates).
    return _family(rf"<(?:\w{{1,20}}:)?{name}(?:\s[^<>]{{0,80}})?>", rf"</(?:\w{{1,20}}:)?{name}\s*>")


_FAMILIES: Final = [
    # Harmony (gpt-oss): a channel for reasoning, then one for the text.
    _family(
        r"(?:<\|start\|>\s*assistant\s*)?<\|channel\|>\s*(?:analysis|commentary)",
        r"<\|channel\|>\s*final\b[^<]*(?:<\|constrain\|>[^<]*)?<\|message\|>",
        r"\s*(?:<\|(?:return|end)\|>\s*)*\Z",
    ),
    # Gemma.
    _family(r"<\|channel>\s*(?:thought|analysis)", r"<channel\|>"),
    *(_tag(name) for name in ("think", "thinking", "thoughts?", "reasoning", "scratch_?pad", "antthinking")),
    # Magistral.
    _family(rf"\[{_NAME}\]", rf"\[/{_NAME}\]"),
    # Kimi.
    _family(rf"◁{_NAME}▷", rf"◁/{_NAME}▷"),
    # Special tokens: <|thinking|>…<|/thinking|>, <|begin_of_thought|>…, <|START_THINKING|>…, with a mark around the text.
    _family(
        rf"{_LEFT}(?:(?:begin|start)[_▁](?:of[_▁])?)?{_NAME}(?:[_▁](?:begin|start))?{_RIGHT}",
        rf"{_LEFT}(?:/{_NAME}|end[_▁](?:of[_▁])?{_NAME}|{_NAME}[_▁]end){_RIGHT}"
        rf"(?:\s*{_LEFT}(?:begin[_▁]of[_▁]solution|start[_▁]response){_RIGHT})?",
        rf"\s*(?:{_LEFT}(?:end[_▁]of[_▁]solution|end[_▁]response){_RIGHT}\s*)*\Z",
    ),
    # Apertus.
    _family(r"<\|inner_prefix\|>", r"<\|inner_suffix\|>"),
]


@dataclass(frozen=True, slots=True)
class Split:
    """A reply in parts: the `reasoning` in it (None if there is none) and the `text` after it.

    `closed` is False if the reply ends while the model still reasons; `text` is then empty.
    """

    reasoning: str | None
    text: str
    closed: bool = True


def split(reply: str) -> Split:
    """Split a reply into reasoning and text. Reasoning ends at the last closing mark of its family.

    A reply that has only a closing mark starts with reasoning whose opening mark was in the chat template.
    """
    spans = text_spans(reply)
    if not spans:
        return Split(reply.strip(), "", closed=False)
    start, end = spans[-1]
    if not start:
        return Split(None, reply)
    return Split(reply[:start].strip(), reply[start:end].strip())


def separate(reply: str, reasoning: str | None = None) -> Split:
    """Split a response into reasoning and text, given what the server returned as `reasoning` apart from the text.

    If the server separates reasoning, or if a closing mark stands in quotes or in code, marks inside the text belong to it.
    White space between reasoning and text belongs to neither.
    """
    if reasoning is None and not any(character in reply for character in _MARK_STARTS):
        return Split(None, reply)
    found = split(reply)
    opened = _opened(reply, 0) is not None
    if not opened and (reasoning is not None or _is_quoted(found)):
        found = Split(None, reply)
    parts = [part.strip() for part in (reasoning, _without_marks(found.reasoning or "")) if part and part.strip()]
    return Split("\n\n".join(parts) or None, found.text.lstrip() if parts else found.text, found.closed)


def _without_marks(reasoning: str) -> str:
    """Return reasoning without the marks before and after it, and between its parts."""
    opened = _opened(reasoning, 0)
    for family in [opened] if opened else _FAMILIES:
        reasoning = family.opening.sub("", reasoning, count=1) if family is opened else reasoning
        reasoning = _HARMONY.sub("", family.between.sub("\n\n", reasoning).strip())
        *_, last = [None, *family.closing.finditer(reasoning)]
        if last and last.end() == len(reasoning):
            return _HARMONY.sub("", reasoning[: last.start()])
    return reasoning


def _is_quoted(found: Split) -> bool:
    """Return whether the mark between these parts stands in quotation marks or in a code block."""
    before = found.reasoning or ""
    quote = _QUOTED.search(before)
    return bool(quote and found.text.startswith(_ENDS.get(quote[1], quote[1]))) or before.count("```") % 2 == 1


def text_spans(reply: str) -> list[Span]:
    """Return the parts of a reply that may be the model's text, in order; `split` takes the last one.

    There is one part after each closing marker, because a text may itself contain closing markers, and one from the start if
    the reply does not open with reasoning. The list is empty if reasoning is opened and never closed.
    """
    opened = _opened(reply, 0)
    families = [opened] if opened else [family for family in _FAMILIES if _closes_first(family, reply)]
    spans = [] if opened else [(0, len(reply))]
    seen = list(families)
    while families:
        family = families.pop()
        end = _text_end(family, reply)
        for mark in family.closing.finditer(reply):
            other = _opened(reply, mark.end())
            if other is None:
                spans.append((mark.end(), max(mark.end(), end)))
            elif other not in seen:
                # More reasoning, in other marks.
                seen.append(other)
                families.append(other)
    return sorted(spans)


def _text_end(family: _Family, reply: str) -> int:
    found = family.ending.search(reply, max(0, len(reply.rstrip()) - _LONGEST_ENDING))
    return found.start() if found else len(reply)


def _opened(reply: str, at: int) -> _Family | None:
    """Return the family whose opening marker is at this position, after white space; None if there is none."""
    while at < len(reply) and reply[at].isspace():
        at += 1
    return next((family for family in _FAMILIES if family.opening.match(reply, at)), None)


def _closes_first(family: _Family, reply: str) -> bool:
    """Return whether a closing marker comes before any opening one, because the chat template wrote the opening marker."""
    closing = family.closing.search(reply)
    if closing is None:
        return False
    opening = family.opening.search(reply)
    return opening is None or closing.start() < opening.start()


# Letters and symbols that are invisible.
_BLANK: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0\u034f")
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp", "Mn"})


def visible(text: str) -> bool:
    """Return whether a text has a visible character."""
    return any(_visible(character) for character in text)


def _visible(character: str) -> bool:
    return not (character.isspace() or character in _BLANK or unicodedata.category(character) in _INVISIBLE)

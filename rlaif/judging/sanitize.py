"""Makes untrusted text safe for a judge: removes hidden characters, and breaks marks that chat templates use for turns.

Only the judge's view changes; stores, exports and training keep the original text. A mark is broken by one visible space,
and nothing that a reader can see is deleted, so code, HTML and Markdown stay readable.
"""

import re
from collections.abc import Iterable

# Line breaks other than \n.
_BREAKS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
# Characters that are invisible to people but not to a tokenizer: controls, zero-width and bidirectional marks, soft hyphens,
# fillers, variation selectors, tags.
_INVISIBLE = (
    "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
# Scripts that need joiners: Arabic (Persian, Urdu), Syriac, N'Ko, Mandaic, those of India, Sri Lanka, Tibet,
# Myanmar and Cambodia, Mongolian, Balinese, Javanese and their relatives.
_JOINING = (
    "\u0620-\u06ff\u0700-\u08ff\u0900-\u0dff\u0f00-\u109f\u1780-\u17b3\u17b6-\u17ff\u1810-\u18af\u1a20-\u1aaf\u1b00-\u1bff"
    "\ua840-\ua8ff\ua930-\ua9ff\uaa60-\uaaff\ufb50-\ufdff\ufe70-\ufefc\U00010a00-\U00010aff\U00011000-\U00011fff"
)
_EMOJI = (
    "\xa9\xae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u24c2\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff\u3030\u303d"
    "\u3297\u3299\U0001f000-\U0001faff"
)
_FLAGS = "|".join("".join(chr(0xE0000 + ord(letter)) for letter in place) for place in ("gbeng", "gbsct", "gbwls"))
# Sequences whose invisible characters carry meaning. The first group is kept.
_HIDDEN = re.compile(
    "("
    f"\U0001f3f4(?:{_FLAGS})\U000e007f"
    f"|[{_EMOJI}][\ufe0e\ufe0f]?(?:\u200d[{_EMOJI}][\ufe0e\ufe0f]?)*"
    "|[0-9#*]\ufe0f\u20e3"
    f"|[{_JOINING}](?:\u200d|\u200c(?=[{_JOINING}]))"
    "|[\u1820-\u18aa](?:[\u180b-\u180d\u180f]|\u180e(?=[\u1820-\u18aa]))"
    f")|[{_INVISIBLE}]"
)
_ANY_HIDDEN = re.compile(f"[{_INVISIBLE}]")
# A blank in Braille text, but an invisible filler everywhere else.
_BRAILLE_BLANK = re.compile("(?<![\u2801-\u28ff])\u2800(?![\u2801-\u28ff])")

_WORD = r"\w[\w.:=▁-]{0,63}"
_ROLES = "system|user|human|assistant|developer|model|bot|ai|tool"
# If a judge quoted a reasoning mark, its own reasoning would seem to end there.
_REASONING = "(?:ant)?thinking|thoughts?|think|reasoning|scratch_?pad"
# Matches only a mark's first character, so that marks inside marks are found too. `<|turn>`, `<s>`, `</think>`, `<word|>`,
# `<[PAD▁TOKEN]>`; `[|user|]`, `[INST]`, `[gMASK]`, `[control_8]`; `◁think▷`; `>>QUESTION<<`; `]~b]`, `[e~[`.
_MARK = re.compile(
    rf"[<＜](?=[/!?]?[|｜\[]|[/!?]?{_WORD}[|｜\]/]?[>＞])"
    rf"|[<＜](?=/?(?:\w{{1,20}}:)?(?i:{_REASONING})(?:\s[^<>]{{0,80}})?\s{{0,20}}[>＞])"
    r"|[\[［](?=/?[|｜]|e~\[|/?(?:[A-Z][A-Z0-9_▁ -]{1,40}|[A-Za-z]{1,20}(?:_\w{1,40}|=\d+)|unused\d+"
    rf"|(?i:{_ROLES}|{_REASONING}|inst|sys|[gs]?mask|cls|sep|pad|unk|[be]os|img"
    rf"|(?:begin|end) (?:data|of [a-z ]{{1,30}})|round \d+)"
    r")[\]］])"
    rf"|◁(?=/?{_WORD}▷)"
    r"|>(?=>[A-Z_]{2,40}<<)"
    r"|\](?=~!?b[\[\]])"
)
# The characters that a match of `_MARK` may start with: looking for them is faster than searching for the pattern.
_MARK_STARTS = "<＜[［◁>]"
# The end of a line's role in plain templates (Alpaca, Vicuna, Human/Assistant), before its colon.
_ROLE = re.compile(
    rf"^(?i:[ \t>*_]*(?:GPT4 (?:Correct )?)?(?:{_ROLES}|instruct)|[ \t]*#{{1,6}}[ \t]*(?:{_ROLES}|instruct|instruction|input"
    r"|response|output|question|answer|context|task)s?|[ \t]*[问答]|[ \t]*(?:用户|助手|系统))[*_]*(?=[:：])"
    r"|(?<![A-Za-z])(?:USER|ASSISTANT|SYSTEM|HUMAN)(?=:)",
    re.MULTILINE,
)
NEVER = re.compile(r"(?!)")
"""Matches nothing."""


def sanitize(text: str, special: re.Pattern[str] = NEVER) -> str:
    """Return `text` as a judge sees it; `special` matches the special tokens of the judge's tokenizer (`token_pattern`)."""
    shown = _visible(text)
    if special is not NEVER:
        # Breaking one token may complete another.
        for _ in range(3):
            shown = special.sub(_parted, shown)
    if any(character in shown for character in _MARK_STARTS):
        shown = _MARK.sub(r"\g<0> ", shown)
    return _ROLE.sub(r"\g<0> ", shown) if ":" in shown or "：" in shown else shown


def part(text: str, nonces: Iterable[str]) -> str:
    """Break every occurrence of these nonces in `text` with a space, so that it cannot open or close a fence."""
    for nonce in nonces:
        if nonce in text:
            text = text.replace(nonce, f"{nonce[0]} {nonce[1:]}")
    return text


def token_pattern(tokens: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern for a tokenizer's special tokens. Single characters and white space always count as text."""
    found = sorted({token for token in tokens if len(token.strip()) > 1}, key=lambda token: (-len(token), token))
    return re.compile("|".join(map(re.escape, found))) if found else NEVER


def _visible(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    text = _BREAKS.sub("\n", text)
    if not text.isascii():
        text = _BRAILLE_BLANK.sub(" ", text)
    return _HIDDEN.sub(r"\1", text) if _ANY_HIDDEN.search(text) else text


def _parted(match: re.Match[str]) -> str:
    return f"{match[0][0]} {match[0][1:]}"

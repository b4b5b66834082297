"""Remove secrets from everything that servers and proxies send back, before any other code reads it.

Servers echo requests in errors, in pages and even in completions, and a key may be escaped for JSON, HTML or a URL, several
times over, or encoded in base64. All these spellings are replaced in one place: every reply passes through here as a whole,
so a later truncation never cuts through a key.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property, lru_cache
from html.entities import html5
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

REPLACEMENT: Final = b"***"
# Vendors' keys are longer. What servers on this machine are given (test, local, EMPTY) stands in good answers too.
SHORTEST_KEY, SHORTEST_PASSWORD = 12, 8
# The minimum part of a key that is replaced: servers truncate what they echo, and so do the logs that they quote.
SHARE, LEAST = 2, 12
# Headers without secrets.
HARMLESS: Final = frozenset({"accept", "content-type", "user-agent"})
SCHEME: Final = re.compile(r"^(bearer|basic|token|apikey)\s+", re.IGNORECASE)
# The start of an escaped character in JSON; other backslashes precede a quote or a letter such as n.
ESCAPES: Final = (b"\\u", b"\\/", b"\\\\", b"%", b"&", b"=")
# The same for text from any source.
ANY_ESCAPES: Final = (b"\\", b"%", b"&", b"=")
# One escaped character: for JSON and C by a number, else by itself; for an address or mail; for HTML.
ESCAPED: Final = re.compile(
    rb"\\+(?:[uxU]\{?0*([0-9a-fA-F]{2})\}?|([01][0-7]{2})|([!-/:-@\[-`{-~]))|[%=]([0-9a-fA-F]{2})"
    rb"|&(?:#0*([0-9]{2,3})|#[xX]0*([0-9a-fA-F]{2})|([a-zA-Z]{2,24}));?"
)
# The same, quickly: any escaped character other than `\\"`, of which JSON has many. A bare `%`, `&` or `=` is none.
ESCAPE: Final = re.compile(rb"\\(?:[uxU01]|[!#-/:-@\[-`{-~])|[%=][0-9a-fA-F]{2}|&[#a-zA-Z]")
# Escapes of escapes: JSON in JSON in HTML is already rare.
DEPTH: Final = 6
ENTITIES: Final = {name.rstrip(";").encode(): text.encode() for name, text in html5.items() if " " < text < "\x7f"}


class Redactor:
    """Replaces secrets in text from servers, in any spelling, and also truncated secrets."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._needles = sorted({needle for secret in secrets for needle in _needles(secret)})
        quoted = any('"' in needle for needle in self._needles)
        self._may_be_escaped = (ESCAPED if quoted else ESCAPE).search
        self._starts = [_start(needle).lower().encode() for needle in self._needles]

    def __call__(self, data: bytes, *, json: bool = False) -> bytes:
        """Return the data without secrets. With `json`, only JSON escapes are recognized, which is faster."""
        if not self._needles:
            return data
        escaped = any(escape in data for escape in (ESCAPES if json else ANY_ESCAPES))
        if self._holds(data) or (escaped and self._may_be_escaped(data) and self._holds(_decoded(data))):
            # The pattern knows the plain spelling too: a key may begin in one spelling and end in another.
            data = self._escaped.sub(REPLACEMENT, data)
            if self._holds(decoded := _decoded(data)):
                # A spelling that the pattern does not know: the text loses its escapes rather than keep the key.
                data = self._plain.sub(REPLACEMENT, decoded)
        return data

    def text(self, text: str) -> str:
        """Return the text without secrets."""
        return self(text.encode("utf-8", "surrogatepass")).decode("utf-8", "replace")

    def _holds(self, data: bytes) -> bool:
        lower = data.lower()
        return any(start in lower for start in self._starts)

    @cached_property
    def _plain(self) -> "re.Pattern[bytes]":
        return re.compile("|".join(_pattern(each, _same) for each in self._needles).encode(), re.IGNORECASE)

    @cached_property
    def _escaped(self) -> "re.Pattern[bytes]":
        return re.compile("|".join(_pattern(each, _any_spelling) for each in self._needles).encode(), re.IGNORECASE)


@lru_cache(maxsize=64)
def redactor(*secrets: str) -> Redactor:
    """Return the redactor of these secrets; equal secrets share compiled patterns."""
    return Redactor(secrets)


def secrets_of(url: str, headers: Mapping[str, str]) -> list[str]:
    """Return the secrets in a request's address and headers: keys, passwords and parameters."""
    found = [value for name, value in headers.items() if name.lower() not in HARMLESS]
    found = [key for key in (SCHEME.sub("", value) for value in found) if is_key(key)]
    parts = urlsplit(url)
    found += [value for _, value in parse_qsl(parts.query) if is_key(value)]
    return found + list(_credentials(parts.netloc))


def _credentials(netloc: str) -> Iterator[str]:
    """Yield the password of an address, and user and password as Basic authentication sends them."""
    user, colon, password = (unquote(part) for part in netloc.rpartition("@")[0].partition(":"))
    for each in (user, password):
        if len(each) >= SHORTEST_PASSWORD and not _is_word(each):
            yield each
    if colon:
        yield b64encode(f"{user}:{password}".encode()).decode()
        yield f"{user}:{password}@"


def is_key(text: str) -> bool:
    """Return whether this is a key to hide, rather than a placeholder or a plain word, which normal answers contain too."""
    return len(text) >= SHORTEST_KEY and not _is_word(text)


def _is_word(text: str) -> bool:
    return text.isalpha() and text.islower()


def _needles(secret: str) -> Iterator[str]:
    """Yield the secret, and its base64 encodings at each of the three possible byte offsets."""
    yield secret
    data = secret.encode()
    for before in range(3):
        encoded = b64encode(bytes(before) + data).decode()
        whole = encoded[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]
        if len(whole) >= LEAST:
            yield whole
            yield whole.replace("+", "-").replace("/", "_")


def _start(needle: str) -> str:
    return needle[: max(LEAST, len(needle) // SHARE)]


def _pattern(needle: str, spelling: Callable[[str], str]) -> str:
    """Return a pattern for the needle or a truncated start of it."""
    start = len(_start(needle))
    each = [spelling(character) for character in needle]
    return "".join(each[:start]) + "".join(f"(?:{one})?" for one in each[start:])


def _same(character: str) -> str:
    return re.escape(character)


@lru_cache(maxsize=256)
def _any_spelling(character: str) -> str:
    """Return a pattern for one character, plain or escaped for JSON, C, URLs, mail or HTML, also several times over."""
    plain = re.escape(character)
    codes = {ord(each) for each in (character.lower(), character.upper())}
    hexadecimal, octal, decimal = (
        "(?:" + "|".join(format(code, form) for code in codes) + ")" for form in ("02x", "03o", "d")
    )
    names = [re.escape(name.decode()) for name, text in ENTITIES.items() if text == character.encode()]
    named = "|".join(["#0*" + decimal, "#x0*" + hexadecimal, *names])
    return (
        rf"(?:\\{{1,99}}(?:[ux]\{{?0*{hexadecimal}\}}?|{octal}|{plain})|[%=](?:25)*{hexadecimal}"
        rf"|&(?:amp;|#38;|#x26;)*(?:{named});?|{plain})"
    )


def _decoded(data: bytes) -> bytes:
    """Return the data with all escapes of ASCII characters decoded, however often they were escaped."""
    for _ in range(DEPTH):
        before, data = data, ESCAPED.sub(_character, data)
        if data == before:
            break
    return data


def _character(found: "re.Match[bytes]") -> bytes:
    hexadecimal, octal, plain, address, decimal, entity, name = found.groups()
    if name:
        return ENTITIES.get(name, found[0])
    if plain:
        return plain
    digits, base = (octal, 8) if octal else (decimal, 10) if decimal else (hexadecimal or address or entity, 16)
    code = int(digits, base)
    return bytes([code]) if 32 < code < 127 else found[0]

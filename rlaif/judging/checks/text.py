"""Checks of a response on its own: its length, content, language and form."""

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from rlaif.core.errors import InputError, ModelError
from rlaif.core.types import Prompt
from rlaif.core.words import count_words

# A sentence ends at a mark before a space or the end, or at an empty line. Marks of abbreviations count too. Possessive, so
# that a run of marks is scanned once.
_SENTENCE = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’)\]]*+(?=\s|$)|[。！？]++|\n\s*\n")
_WORD = re.compile(r"\w")
_FENCE_LINE = re.compile(r"```[\w-]*[ \t]*")
# The language of shorter texts cannot be identified, because names belong to any. Of longer texts, the start is enough.
LEAST_BYTES, MOST_CHARACTERS = 20, 100_000
# Python does not convert longer integers.
MOST_DIGITS = 4300
UNITS = ("characters", "words", "sentences", "tokens")


def size(text: str, unit: str = "words", tokenizer: str | None = None) -> int:
    """Return the length of a text. `tokenizer` (for tokens) is a checkpoint: a folder, a Hub name, or tiny:writer."""
    if unit == "characters":
        return len(text)
    if unit == "words":
        return count_words(text)
    if unit == "sentences":
        return sum(1 for part in _SENTENCE.split(text) if _WORD.search(part))
    if unit == "tokens" and tokenizer:
        return len(_tokenizer(tokenizer).encode(text, add_special_tokens=False))
    fix = "Tokens need `tokenizer`, a checkpoint." if unit == "tokens" else f"Use {', '.join(UNITS)}."
    raise InputError(f"cannot count {unit!r}", where="check", fix=fix)


@cache
def _tokenizer(path: str) -> Any:
    from transformers import AutoTokenizer

    from rlaif.models.local.checkpoint import locate

    return AutoTokenizer.from_pretrained(locate(path, where="check"), trust_remote_code=False)


def length(prompt: Prompt, response: str, *, unit: str = "words", tokenizer: str | None = None) -> float:
    """Return the length itself. Set the criterion's `high` above the longest response."""
    return size(response, unit, tokenizer)


def within(
    prompt: Prompt,
    response: str,
    *,
    unit: str = "words",
    least: int = 0,
    most: int | None = None,
    tokenizer: str | None = None,
) -> float:
    """Return 1 if the length is within the limits, else 0."""
    found = size(response, unit, tokenizer)
    return least <= found and (most is None or found <= most)


def matches(prompt: Prompt, response: str, *, pattern: str, wanted: bool = True) -> float:
    """Return 1 if the regular expression matches anywhere, else 0. With `wanted: false`, the reverse."""
    return (re.search(pattern, response) is not None) == wanted


def contains(prompt: Prompt, response: str, *, texts: Sequence[str], wanted: bool = True, ignore_case: bool = True) -> float:
    """Return the share of these texts that the response contains, or lacks with `wanted: false`."""
    if isinstance(texts, str) or not texts:
        raise InputError("`texts` must be a list of texts", where="check")
    fold = str.casefold if ignore_case else str
    return sum((fold(text) in fold(response)) == wanted for text in texts) / len(texts)


def language(prompt: Prompt, response: str, *, wanted: str | None = None) -> float:
    """Return 1 if the response is in the wanted language (ISO 639-1, such as en; default: the request's), else 0.

    Uses the n-grams of langid (Lui and Baldwin 2012); nothing is downloaded. Very short texts are inapplicable.
    """
    expected = wanted or _language(prompt.request, "the request")
    if wanted is not None and wanted not in _identifier().labels:
        raise InputError(f"unknown language {wanted!r}", where="check language", fix="Use ISO 639-1, such as en or zh.")
    return _language(response, "the response") == expected


def _language(text: str, what: str) -> str:
    found = identify_language(text)
    if found is None:
        raise ModelError("inapplicable", f"{what} is too short to identify its language")
    return found


def identify_language(text: str, least_bytes: int = LEAST_BYTES) -> str | None:
    """Return the language of a text (ISO 639-1); None if its letters have fewer bytes in UTF-8."""
    text = text[:MOST_CHARACTERS]
    letters = "".join(character for character in text if character.isalpha() or character.isspace())
    if len("".join(letters.split()).encode()) < least_bytes:
        return None
    return str(_identifier().classify(letters)[0])


@cache
def _identifier() -> Any:
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError:
        raise InputError("languages need the py3langid package", where="check", fix="pip install rlaif[checks]") from None
    return LanguageIdentifier.from_model_file(MODEL_FILE)


def json_valid(prompt: Prompt, response: str, *, schema: Mapping[str, Any] | None = None) -> float:
    """Return 1 if the response is JSON, alone or in a code fence, and satisfies the JSON Schema if given; else 0."""
    try:
        value = json.loads(_unfenced(response), parse_constant=_no_constant, parse_int=_integer)
    except (ValueError, RecursionError):
        return 0.0
    return 1.0 if schema is None else _validator(json.dumps(schema, sort_keys=True)).is_valid(value)


def _unfenced(text: str) -> str:
    """Return the content of a code fence around the whole text, or the text itself."""
    stripped = text.strip()
    first, line, rest = stripped.partition("\n")
    if line and rest.endswith("```") and _FENCE_LINE.fullmatch(first):
        return rest.removesuffix("```")
    return text


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < MOST_DIGITS else float(digits)


@cache
def _validator(schema: str) -> Any:
    try:
        from jsonschema import SchemaError, validators
        from referencing import Registry
    except ImportError:
        raise InputError(
            "JSON Schema needs the jsonschema package", where="check", fix="pip install rlaif[checks]"
        ) from None
    plain = json.loads(schema)
    kind = validators.validator_for(plain, default=validators.Draft202012Validator)
    try:
        kind.check_schema(plain)
    except SchemaError as error:
        raise InputError(f"`schema` is not a JSON Schema: {error.message}", where="check") from None
    # An empty registry, so that external references are never fetched.
    return kind(plain, registry=Registry())

"""Whatever a server makes of a key, and whatever stands around it, the key goes and the rest stays."""

import base64
import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlaif.models.openai.errors import from_status, retry_after
from rlaif.models.redaction import Redactor, is_key, secrets_of

KEY = "sk-canary/5f0d+2a9c-7e41b863"
REDACT = Redactor([KEY])
# How one character may be written.
CHARACTERS = [
    lambda character: character,
    lambda character: f"\\u{ord(character):04x}",
    lambda character: f"\\\\u{ord(character):04X}",
    lambda character: f"%{ord(character):02X}",
    lambda character: f"%25{ord(character):02x}",
    lambda character: f"&#{ord(character)};",
    lambda character: f"&#x{ord(character):x};",
    lambda character: f"&amp;#{ord(character)};",
    lambda character: f"\\x{ord(character):02x}",
    lambda character: f"\\{ord(character):03o}",
    lambda character: character if character.isalnum() else "\\" + character,
]
AROUND = st.text(st.characters(codec="utf-8"), max_size=20)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(CHARACTERS), min_size=len(KEY), max_size=len(KEY)), AROUND, AROUND)
def test_a_key_in_any_mixture_of_spellings_is_removed_and_its_surroundings_stay(ways: list, before: str, after: str) -> None:
    spelt = "".join(way(character) for way, character in zip(ways, KEY, strict=True))
    found = REDACT.text(f"{before} {spelt} {after}")
    assert "***" in found
    assert "canary" not in found.lower()
    if not set("\\%&=") & set(before + after):
        assert found == f"{before} *** {after}"


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200))
def test_a_text_without_the_key_is_unchanged(text: str) -> None:
    assert REDACT.text(text) == text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    data = json.dumps({"text": text}).encode()
    assert REDACT(data, json=True) == data


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=40), st.binary(max_size=40), st.booleans())
def test_a_key_in_base64_is_removed_at_any_offset(before: bytes, after: bytes, url: bool) -> None:
    encode = base64.urlsafe_b64encode if url else base64.b64encode
    found = REDACT(b"<" + encode(before + KEY.encode() + after) + b">")
    assert b"***" in found
    data = found.removeprefix(b"<").removesuffix(b">").partition(b"***")
    assert b"canary" not in base64.urlsafe_b64decode(data[0][: len(data[0]) // 4 * 4] or b"")


@pytest.mark.parametrize("place", range(330, 400, 3))
def test_a_message_that_is_cut_never_holds_a_part_of_the_key(place: int) -> None:
    body = json.dumps({"error": {"message": "x" * place + KEY + "y" * 200}}).encode()
    error = from_status(400, {}, REDACT(body).decode())
    assert not any(KEY[:length] in f"{error}{error.raw}" for length in (6, 12, 20))


@pytest.mark.parametrize("junk", [b"\\", b"%25", b"&amp;", b"\\u0073", b"sk-canary/5", b"&#", b"=", b"\\\\u00", b"&#x00000"])
def test_no_text_makes_redaction_slow(junk: bytes) -> None:
    began = time.process_time()
    REDACT(junk * (2**20 // len(junk)))
    assert time.process_time() - began < 3


@pytest.mark.parametrize(
    ("url", "headers", "secrets"),
    [
        ("http://h/v1", {"authorization": f"Bearer {KEY}", "accept": "application/json"}, [KEY]),
        ("http://h/v1", {"api-key": KEY}, [KEY]),
        ("http://h/v1", {"authorization": "Bearer none"}, []),
        ("http://h/v1", {"authorization": "Bearer EMPTY"}, []),
        (f"http://h/v1?code={KEY}", {}, [KEY.replace("+", " ")]),
        ("http://user:hunter2-hunter2@h", {}, ["hunter2-hunter2", "dXNlcjpodW50ZXIyLWh1bnRlcjI=", "user:hunter2-hunter2@"]),
        ("http://user:pa%2Fss@h", {}, ["dXNlcjpwYS9zcw==", "user:pa/ss@"]),
        ("", {}, []),
    ],
)
def test_the_secrets_of_a_request_are_what_opens_a_server(url: str, headers: dict[str, str], secrets: list[str]) -> None:
    assert secrets_of(url, headers) == secrets


def test_placeholders_and_plain_words_are_not_keys() -> None:
    assert not any(map(is_key, ["x", "test", "EMPTY", "lm-studio", "experimental", "none"]))
    assert all(map(is_key, [KEY, "token-abc123", "7b1f0c9d2e64a853"]))


NOW = 1_790_000_000.0
MOMENTS = [
    ({"retry-after": f"{NOW + 30:.0f}"}, 30.0),
    ({"retry-after": f"{(NOW + 30) * 1000:.0f}"}, 30.0),
    ({"retry-after": f"{(NOW + 30) * 1e6:.0f}"}, 30.0),
    ({"retry-after": f"{(NOW + 30) * 1e9:.0f}"}, 30.0),
    ({"retry-after": f"{NOW + 30.5}"}, 30.5),
    ({"retry-after": f"{NOW - 30:.0f}"}, None),
    ({"retry-after-ms": f"{(NOW + 30) * 1000:.0f}"}, 30.0),
    ({"retry-after-ms": "90000"}, 90.0),
    ({"x-ratelimit-reset": f"{NOW + 45:.0f}"}, 45.0),
    ({"X-RateLimit-Reset": f"{(NOW + 45) * 1000:.0f}"}, 45.0),
    ({"ratelimit-reset": "45"}, 45.0),
    ({"x-ratelimit-reset": f"{NOW - 5:.0f}"}, None),
    # What nobody understands, and what is longer than a week, is not said at all.
    ({"retry-after": "1795994400000000000000"}, None),
    ({"retry-after": "498887h"}, None),
    ({"retry-after": "604801"}, None),
    ({"retry-after": "1000000000"}, None),
    ({"x-ratelimit-reset": "498887"}, None),
    ({"x-ratelimit-reset-requests": "soon"}, None),
    ({"x-ratelimit-reset-requests": "23h"}, 3600.0),
    ({"x-ratelimit-reset-requests": "23h", "x-ratelimit-remaining-requests": "0"}, 82800.0),
    ({"x-ratelimit-reset-requests": "23h", "x-ratelimit-remaining-requests": "7", "x-ratelimit-reset-tokens": "2s"}, 2.0),
    # A server's clock may be wrong, and its dates with it.
    ({"date": "Mon, 01 Jan 2024 00:00:00 GMT", "retry-after": "Mon, 01 Jan 2024 00:00:20 GMT"}, 20.0),
    ({"date": "nonsense", "retry-after": f"{NOW + 30:.0f}"}, 30.0),
]


@pytest.mark.parametrize(("headers", "seconds"), MOMENTS, ids=[str(headers) for headers, _ in MOMENTS])
def test_a_number_near_now_is_a_time_and_an_unknown_form_is_ignored(headers: dict[str, str], seconds: float | None) -> None:
    found = retry_after(headers, NOW)
    assert found == (None if seconds is None else pytest.approx(seconds, abs=0.01))


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["x-ratelimit-reset", "ratelimit-reset-requests", "anthropic-ratelimit-tokens-reset"]),
    st.text() | st.integers().map(str) | st.floats().map(str) | st.datetimes().map(str),
)
def test_no_header_about_a_limit_ends_a_run_by_its_form(name: str, text: str) -> None:
    found = retry_after({name: text}, NOW)
    assert found is None or 0 < found <= 3600

"""Classify the errors of OpenAI-compatible servers, with pure functions of status, headers and body.

The kinds are those of `rlaif.core.errors`. The patterns come from the issue trackers of such servers.
"""

import json
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from rlaif.core.errors import ModelError

# The maximum characters of a server's message that are shown, and of its reply that are kept.
SHOWN, KEPT = 400, 100_000
# In seconds: a wait longer than a week is taken as a mistake, and a number this near to now is a point in time.
MOST_WAIT, NEAR = 7 * 86_400.0, 366 * 86_400.0
# The maximum wait in seconds that is accepted from a header that says when a limit resets, but not if it was reached.
LONGEST_RESET: Final = 3600.0

# How servers report an unpaid bill with status 429.
QUOTA: Final = re.compile(r"insufficient[_ ]quota|billing|exceeded your current quota|credit balance|payment required", re.I)
# How servers report that the prompt is too long, with status 400, 413, 422 or 500.
CONTEXT: Final = re.compile(
    r"context[_ ](length|window)|maximum context|max_model_len|prompt is too long|too many (input )?tokens|"
    r"longer than the (model|maximum)|exceeds? the (model'?s )?(available )?context",
    re.I,
)
# How OpenAI reports, with status 403, that a model returns no log-probabilities.
UNAVAILABLE: Final = re.compile(r"not allowed to request logprobs", re.I)
FILTERED: Final = re.compile(r"content[_ ]?(filter|management|policy)|moderation|flagged|safety system", re.I)
OVERLOADED: Final = re.compile(r"overloaded|rate[_ ]?limit|too many requests|slow down", re.I)
# Spans of time such as "1h2m3.5s" or "500ms": hours, minutes, seconds, milliseconds.
_PART = r"(\d{1,9}(?:\.\d{1,9})?)"
SPAN: Final = re.compile(rf"(?:{_PART}h)?(?:{_PART}m)?(?:{_PART}s)?(?:{_PART}ms)?", re.ASCII)


class RequestError(ModelError):
    """A failed request. `wait` is the pause in seconds that the server asks for, `status` the HTTP status.

    `raw` is the server's reply, truncated to a length that is enough to see what happened.
    """

    def __init__(
        self, kind: str, message: str, *, wait: float | None = None, raw: str = "", status: int | None = None
    ) -> None:
        self.wait, self.status = wait, status
        super().__init__(kind, message, raw=raw[:KEPT])


def from_status(status: int, headers: Mapping[str, str], body: str) -> RequestError:
    """Return the error that a reply with an error status reports."""
    reason = " ".join(_message(body)[:KEPT].split())[:SHOWN]
    body = body[:KEPT]
    wait = retry_after(headers, time.time())
    message = f"HTTP {status}: {reason or 'no reason given'}"
    return RequestError(_kind(status, body), message, wait=wait, raw=body, status=status)


def _message(body: str) -> str:
    """Return the message in `{"error": {"message": …}}`, or the whole body."""
    try:
        error = json.loads(body)["error"]
        return str(error["message"] if isinstance(error, dict) else error)
    except (ValueError, TypeError, KeyError, RecursionError):
        return body


def from_error(error: Any) -> RequestError:
    """Return the error that a body `{"error": …}` reports, whatever its status."""
    details = error if isinstance(error, Mapping) else {"message": str(error)}
    code = str(details.get("code") or details.get("status"))
    status = int(code) if re.fullmatch("[45][0-9][0-9]", code) else 500
    body = " ".join(str(details[name]) for name in ("type", "code", "message") if details.get(name))
    return RequestError(_kind(status, body), f"error in a reply: {body[:SHOWN] or 'no reason given'}", raw=body)


def _kind(status: int, body: str) -> str:
    if status == 402 or (status in (400, 403, 429) and QUOTA.search(body)):
        return "quota"
    if status == 413 or (status in (400, 422, 500) and CONTEXT.search(body)):
        return "context_overflow"
    if status in (400, 403, 422) and FILTERED.search(body):
        return "refused"
    if status in (401, 403):
        return "rejected" if UNAVAILABLE.search(body) else "auth"
    if status == 404:
        return "unknown_model"
    if status == 429 or (status in (503, 529) and OVERLOADED.search(body)):
        return "rate_limited"
    if status in (408, 409, 425) or status >= 500 or (status == 400 and OVERLOADED.search(body)):
        return "server"
    return "rejected"


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the pause in seconds that a server asks for, or None. `now` is the time in seconds since 1970.

    Reads `retry-after-ms`, else `retry-after`, else the latest of the vendors' `…ratelimit…reset…`. Each may be a number of
    seconds, a span such as "1m30s" or "500ms", an HTTP date (without a zone: UTC), an ISO time, or a number near now, which
    is a moment in seconds, milliseconds or less since 1970. A moment in the past, a wait of more than a week, and anything
    unreadable are ignored. A reset longer than an hour is accepted only if the headers say that nothing remains.
    """
    plain = {name.lower(): value.strip() for name, value in headers.items()}
    now = _date(plain.get("date", "")) or now
    asked = _wait(plain.get("retry-after-ms", ""), now, unit=1000) or _wait(plain.get("retry-after", ""), now)
    if asked is not None:
        return asked
    resets = (_reset(name, plain, now) for name in plain if "ratelimit" in name and "reset" in name)
    return max((seconds for seconds in resets if seconds is not None), default=None)


def _reset(name: str, headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds until one of several limits resets; None if some of the limit remains."""
    remaining = headers.get(name.replace("reset", "remaining"), "")
    seconds = _wait(headers[name], now)
    if seconds is None or (remaining and remaining.strip("0.") != ""):
        return None
    if remaining or seconds <= LONGEST_RESET:
        return seconds
    # The unit of a bare number is unclear. A span or a date is unambiguous.
    return None if _number(headers[name]) else LONGEST_RESET


def _wait(text: str, now: float, unit: float = 1) -> float | None:
    """Return the seconds to wait, from a number (of 1/`unit` seconds), a span or a moment; None if it cannot be read."""
    number = _number(text)
    if number is None:
        seconds = _span(text) or _until(text, now)
    else:
        moments = (number / each for each in (1, 1e3, 1e6, 1e9))
        near = next((moment for moment in moments if abs(moment - now) < NEAR), None)
        seconds = number / unit if near is None else near - now
    return seconds if seconds and 0 < seconds <= MOST_WAIT else None


def _number(text: str) -> float | None:
    """Parse a positive, finite decimal number; None for anything else."""
    value = float(text) if re.fullmatch(r"\d{1,24}(\.\d{1,12})?", text, re.ASCII) else 0.0
    return value if value > 0 else None


def _span(text: str) -> float | None:
    """Parse hours, minutes, seconds and milliseconds, such as "1h2m3.5s" or "500ms", into seconds."""
    found = SPAN.fullmatch(text)
    if not found:
        return None
    hours, minutes, seconds, milliseconds = (float(each or 0) for each in found.groups())
    return (hours * 3600 + minutes * 60 + seconds + milliseconds / 1000) or None


def _until(text: str, now: float) -> float | None:
    moment = _date(text)
    return None if moment is None else moment - now


def _date(text: str) -> float | None:
    """Parse an HTTP date or an ISO time into seconds since 1970."""
    try:
        moment = datetime.fromisoformat(text) if text[:4].isdigit() else parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None

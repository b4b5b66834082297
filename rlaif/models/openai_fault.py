"""What went wrong with a request to an OpenAI-compatible server: pure functions from status, headers and body.

The kinds are those of `rlaif.errors`; the facts about how servers fail are from the issue trackers of such servers.
"""

import json
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from rlaif.errors import ModelError

# Enough of a server's words to understand it; a page of HTML says no more.
SHOWN: Final = 400

# A server asks for patience and means a bill that was not paid.
QUOTA: Final = re.compile(r"insufficient[_ ]quota|billing|exceeded your current quota|credit balance|payment required", re.I)
# Some say with 400, 413 or 500 that the prompt is too long.
CONTEXT: Final = re.compile(
    r"context[_ ](length|window)|maximum context|max_model_len|prompt is too long|too many (input )?tokens|"
    r"longer than the (model|maximum)|exceeds? the (model'?s )?(available )?context",
    re.I,
)
FILTERED: Final = re.compile(r"content[_ ]?(filter|management|policy)|moderation|flagged|safety system", re.I)
OVERLOADED: Final = re.compile(r"overloaded|rate[_ ]?limit|too many requests|slow down", re.I)
# Spans of time such as "1h2m3.5s" or "500ms": hours, minutes, seconds, milliseconds.
_PART = r"(\d{1,9}(?:\.\d{1,9})?)"
SPAN: Final = re.compile(rf"(?:{_PART}h)?(?:{_PART}m)?(?:{_PART}s)?(?:{_PART}ms)?", re.ASCII)


class RequestError(ModelError):
    """A failed request; `wait` is how many seconds the server asked to leave it alone, `status` that of HTTP."""

    def __init__(
        self, kind: str, message: str, *, wait: float | None = None, raw: str = "", status: int | None = None
    ) -> None:
        self.wait, self.status = wait, status
        super().__init__(kind, message, raw=raw)


def from_status(status: int, headers: Mapping[str, str], body: str) -> RequestError:
    """The fault that a reply with an error status tells of."""
    said = " ".join(_message(body).split())[:SHOWN]
    wait = retry_after(headers, time.time())
    message = f"HTTP {status}: {said or 'no reason given'}"
    return RequestError(_kind(status, body), message, wait=wait, raw=body, status=status)


def _message(body: str) -> str:
    """The server's own words out of `{"error": {"message": …}}`, or all of the body."""
    try:
        error = json.loads(body)["error"]
        return str(error["message"] if isinstance(error, dict) else error)
    except (ValueError, TypeError, KeyError, RecursionError):
        return body


def from_error(error: Any) -> RequestError:
    """The fault that a body `{"error": …}` tells of, whatever status it came with."""
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
        return "auth"
    if status == 404:
        return "unknown_model"
    if status == 429 or (status in (503, 529) and OVERLOADED.search(body)):
        return "rate_limited"
    if status in (408, 409, 425) or status >= 500 or (status == 400 and OVERLOADED.search(body)):
        return "server"
    return "rejected"


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """The seconds for which a server asks to be left alone, or None. `now` is the time in seconds since 1970.

    Reads `retry-after-ms`, else `retry-after`, else the latest of the vendors' own `…ratelimit…reset…`. Each may be a
    number of seconds, a span such as "1m30s" or "500ms", an HTTP date (without a zone: UTC) or an ISO time. What is
    not in the future, and what makes no sense, counts as not said.
    """
    plain = {name.lower(): value.strip() for name, value in headers.items()}
    milliseconds = _number(plain.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    asked = _seconds(plain.get("retry-after", ""), now)
    if asked is not None:
        return asked
    resets = [_seconds(value, now) for name, value in plain.items() if "ratelimit" in name and "reset" in name]
    return max((seconds for seconds in resets if seconds is not None), default=None)


def _seconds(text: str, now: float) -> float | None:
    readings = (_number(text), _span(text), _until(text, now))
    return next((seconds for seconds in readings if seconds is not None), None)


def _number(text: str) -> float | None:
    """A positive, finite decimal number; None for anything else."""
    value = float(text) if re.fullmatch(r"\d{1,12}(\.\d{1,12})?", text, re.ASCII) else 0.0
    return value if value > 0 else None


def _span(text: str) -> float | None:
    """Hours, minutes, seconds and milliseconds: "1h2m3.5s", "500ms"."""
    found = SPAN.fullmatch(text)
    if not found:
        return None
    hours, minutes, seconds, milliseconds = (float(each or 0) for each in found.groups())
    return (hours * 3600 + minutes * 60 + seconds + milliseconds / 1000) or None


def _until(text: str, now: float) -> float | None:
    try:
        moment = datetime.fromisoformat(text) if text[:4].isdigit() else parsedate_to_datetime(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = moment.timestamp() - now
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return seconds if seconds > 0 else None

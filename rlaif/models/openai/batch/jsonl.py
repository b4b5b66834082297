"""Write and read the lines of a Batch API's files, with pure functions."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import orjson

from rlaif.models.openai.errors import RequestError, from_error, from_status

# The vendor's limits are 50,000 requests and 200 MB. A file is held in memory twice while it is sent.
MOST_REQUESTS, MOST_BYTES = 50_000, 100_000_000
# The error codes of requests that the vendor did not process in time.
UNTOUCHED: Final = frozenset({"batch_expired", "batch_cancelled"})


def request_line(name: str, url: str, body: Mapping[str, Any]) -> bytes:
    """Return the line of a request; its reply carries the same `name`."""
    return orjson.dumps({"custom_id": name, "method": "POST", "url": url, "body": body}, option=orjson.OPT_APPEND_NEWLINE)


def cut(lines: Iterable[tuple[str, bytes]], most: int = MOST_REQUESTS, size: int = MOST_BYTES) -> Iterator[dict[str, bytes]]:
    """Yield the lines by name, in files of at most `most` lines and `size` bytes, but at least one line."""
    file: dict[str, bytes] = {}
    held = 0
    for name, line in lines:
        if file and (len(file) == most or held + len(line) > size):
            yield file
            file, held = {}, 0
        file[name] = line
        held += len(line)
    if file:
        yield file


def answer(line: bytes) -> tuple[str, bytes | RequestError] | None:
    """Return a request's name and its reply, as a live server sends it, or its error; None if the line is not a reply."""
    try:
        entry = orjson.loads(line)
    except ValueError:
        try:
            entry = json.loads(line.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            return None
    if not isinstance(entry, Mapping) or not isinstance(entry.get("custom_id"), str):
        return None
    return entry["custom_id"], _outcome(entry.get("response"), entry.get("error"))


def _outcome(response: Any, error: Any) -> bytes | RequestError:
    if isinstance(error, Mapping) and error.get("code") in UNTOUCHED:
        return RequestError("timeout", f"not answered within the batch's time: {error['code']}")
    if not isinstance(response, Mapping):
        return from_error(error or "neither a response nor an error")
    status, body = response.get("status_code"), _bytes(response.get("body"))
    if isinstance(status, int) and status >= 300:
        return from_status(status, {}, body.decode())
    return body


def _bytes(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:  # lone surrogates
        return json.dumps(value).encode()

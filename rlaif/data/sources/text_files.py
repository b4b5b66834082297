"""Reads rows of JSONL, JSON and CSV files. Lines end only at a newline byte, because text may contain U+2028 and such."""

import csv as csv_reader
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from rlaif.core.errors import InputError
from rlaif.data.sources.paths import kind, opened
from rlaif.data.sources.row_errors import RowError
from rlaif.data.sources.source import Row, Wanted, shown

BOM = b"\xef\xbb\xbf"
CONVERT = "Convert the file, for example: iconv -f latin1 -t utf-8 OLD > NEW (or -f utf-16)."


def jsonl(path: Path, origin: Wanted) -> Iterator[Row]:
    """Yield one JSON object per line; blank lines are skipped."""
    return origin.watch(_lines(path))


def _lines(path: Path) -> Iterator[Row]:
    with opened(path) as file:
        for number, line in enumerate(file, 1):
            if number == 1:
                line = line.removeprefix(BOM)
            if line.strip():
                at = f"{shown(path)}:{number}"
                yield at, _object(_parse(line, at))


def json_list(path: Path, origin: Wanted) -> Iterator[Row]:
    """Yield the objects of a list. A `.json` file that starts with an object is read as JSONL."""
    with opened(path) as file:
        start = file.read(4096).removeprefix(BOM).lstrip()[:1]
    if start == b"{":
        return jsonl(path, origin)
    return origin.watch(_items(path))


def _items(path: Path) -> Iterator[Row]:
    with opened(path) as file:
        items = _parse(file.read().removeprefix(BOM), shown(path))
    if not isinstance(items, list):
        raise InputError("the file must be a list of objects", where=shown(path))
    for number, item in enumerate(items, 1):
        yield f"{shown(path)}:{number}", _object(item)


def _parse(data: bytes, at: str) -> Any:
    try:
        found = orjson.loads(data)
        if not _rounded(found):
            return found
    except orjson.JSONDecodeError:
        pass
    try:
        # The slower parser also accepts NaN, lone surrogates and very large integers, which real files contain.
        return json.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8: {error.reason} at byte {error.start + 1}", where=at, fix=CONVERT) from None
    except json.JSONDecodeError as error:
        place = f"{at}:{error.colno}" if error.lineno == 1 else f"{at}:{error.lineno}"
        raise InputError(f"not JSON: {error.msg}", where=place, fix="Correct or remove the line.") from None
    except RecursionError:
        raise InputError("the JSON is nested too deeply", where=at) from None
    except ValueError:
        # Python does not parse integers of more than some thousand digits.
        raise InputError("an integer in the JSON has too many digits", where=at) from None


def _rounded(value: Any) -> bool:
    """Whether a number may be an integer beyond 64 bits, which orjson rounds to a float."""
    if isinstance(value, float):
        return abs(value) >= 2**63
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return False
    return any(map(_rounded, value))


def _object(value: Any) -> dict[str, Any] | RowError:
    return value if isinstance(value, dict) else RowError("a row that is not an object with columns", detail=str(value)[:60])


def csv(path: Path, origin: Wanted) -> Iterator[Row]:
    """Yield the rows below the header. Every value is a string, and empty ones become null."""
    return origin.limited(_records(path, origin))


def _records(path: Path, origin: Wanted) -> Iterator[Row]:
    # Documents are longer than the 128 kB that the csv module allows by default.
    csv_reader.field_size_limit(min(sys.maxsize, 2**31 - 1))
    with io.TextIOWrapper(opened(path), encoding="utf-8-sig", newline="") as file:
        reader = csv_reader.reader(file, delimiter="\t" if kind(path) == ".tsv" else ",", strict=True)
        try:
            header = next(reader, [])
            origin.check(header)
            for record in reader:
                at = f"{shown(path)}:{reader.line_num}"
                if len(record) not in (0, len(header)):
                    raise InputError(f"{len(record)} values under {len(header)} columns", where=at)
                if record:
                    yield at, {name: value or None for name, value in zip(header, record, strict=True)}
        except csv_reader.Error as error:
            raise InputError(f"not CSV: {error}", where=f"{shown(path)}:{reader.line_num}") from None
        except UnicodeDecodeError:
            raise _not_utf8(path) from None


def _not_utf8(path: Path) -> InputError:
    """Return the error for the first line that is not UTF-8; the reader decodes many lines at once."""
    with opened(path) as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                what = f"not UTF-8: {error.reason} at byte {error.start + 1}"
                return InputError(what, where=f"{shown(path)}:{number}", fix=CONVERT)
    return InputError("not UTF-8", where=shown(path), fix=CONVERT)

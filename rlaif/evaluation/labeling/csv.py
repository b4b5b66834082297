"""Writes ballots to a CSV file for any spreadsheet program, and reads the filled-in file back."""

import csv
import io
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from rlaif.core.errors import InputError
from rlaif.core.text import without_controls
from rlaif.evaluation.labeling.ballots import Line
from rlaif.evaluation.labeling.task import LabelingTask

COLUMNS: Final = ("ballot", "request", "document", "first", "second", "preferred")
# Spreadsheets treat a cell as a formula if it starts with one of these signs, also after spaces or quotation marks. If they
# split cells at other characters than ours, the text after such a character or a line break becomes a cell.
_SIGNS: Final = "=+\\-@＝＋－＠\u2212"
_FORMULA = re.compile(f"(^|[;\\t\\r\\n\u2028\u2029])([\\s\\x00-\\x1f\u200b\ufeff\"'“”‘’`]*)(?=[{_SIGNS}])")
# The separators that spreadsheets write, by locale.
_SEPARATORS: Final = ",;\t|"
_SEPARATOR_LINE = re.compile(r'^"?sep=(.)"?\s*$', re.IGNORECASE)


def write(labeling_tasks: Sequence[LabelingTask], path: Path) -> None:
    """Write the ballots, with an empty column `preferred`.

    A text that a spreadsheet could run as a formula gets an apostrophe in front. Import does not read texts back, so votes
    always refer to the texts in the store. Raises InputError if the file exists, because it may contain votes.
    """
    try:
        with path.open("x", encoding="utf-8-sig", newline="") as file:
            sheet = csv.writer(file, quoting=csv.QUOTE_ALL)
            sheet.writerow(COLUMNS)
            for each in labeling_tasks:
                texts = (each.request, each.document or "", each.first_text, each.second_text)
                sheet.writerow([f"{each.first}-{each.second}", *map(_harmless, texts), ""])
    except FileExistsError:
        raise InputError("the file exists and may contain votes", where=str(path), fix="Choose a new file.") from None
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=str(path)) from None


def read(path: Path) -> list[Line]:
    """Return the lines of a filled-in sheet, without blank ones. Only the columns `ballot` and `preferred` are read."""
    return list(_lines(path))


def _lines(path: Path) -> Iterator[Line]:
    """Yield the lines of a sheet, without blank ones."""
    # Documents are longer than the 128 kB that the csv module allows by default.
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    try:
        data = path.read_bytes()
        if data.startswith(b"PK"):
            raise InputError("the file is a workbook, not CSV", where=str(path), fix="Save the sheet as CSV.")
        text, skipped, separator = _without_separator_line(_decoded(data))
        sheet = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        columns: dict[str, int] = {}
        end = 0
        for cells in sheet:
            begin, end = end + 1 + skipped, sheet.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if not columns:
                columns = _columns(path, cells)
                continue
            ballot, vote = (cells[place].strip() if place < len(cells) else "" for place in columns.values())
            if ballot or vote:
                first, _, second = ballot.partition("-")
                yield Line(f"{path}:{begin}", first.strip(), second.strip(), vote.lower())
        if not columns:
            _columns(path, [])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot be read: {error}", where=str(path), fix="Save it as CSV, in UTF-8.") from None


def _columns(path: Path, names: Sequence[str]) -> dict[str, int]:
    """Return the positions of the columns `ballot` and `preferred`."""
    found = [name.strip().lower() for name in names]
    for name in ("ballot", "preferred"):
        if found.count(name) != 1:
            what = f"has {found.count(name)} columns called {name!r}" if name in found else f"has no column {name!r}"
            raise InputError(what, where=str(path), fix="`rlaif label FILE --export SHEET` writes a sheet with both.")
    return {name: found.index(name) for name in ("ballot", "preferred")}


def _decoded(data: bytes) -> str:
    """Return the text of a sheet: UTF-8, or UTF-16 as spreadsheets save "Unicode text"."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16")
    if data[:2].count(0) == 1:
        return data.decode("utf-16-le" if data[1] == 0 else "utf-16-be")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        # A spreadsheet may save in its locale's code page. Only ballots and votes are read, which are ASCII.
        return data.decode("latin-1")


def _without_separator_line(text: str) -> tuple[str, int, str]:
    """Return the text without a first line such as `sep=;`, the number of lines removed, and the separator."""
    first, _, rest = text.partition("\n")
    if found := _SEPARATOR_LINE.match(first):
        return rest, 1, found[1]
    header = next((line for line in text.splitlines() if line.strip(f'{_SEPARATORS}" ')), "")
    return text, 0, max(_SEPARATORS, key=header.count)


def _harmless(text: str) -> str:
    """Return a text that no spreadsheet runs, with an apostrophe before each sign that could start a formula."""
    return _FORMULA.sub(r"\1\2'", without_controls(text.replace("\r\n", "\n")))

"""Voting on a sheet: ballots as a CSV file for any spreadsheet, and the filled-in file read back."""

import csv
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from rlaif.errors import InputError
from rlaif.label.ballot import Ballot, Voter
from rlaif.store import Store

COLUMNS = ("ballot", "request", "document", "first", "second", "preferred")
VOTES = {"first": "first", "1": "first", "second": "second", "2": "second", "tie": "tie", "t": "tie"}
_PROMPTS = """
    SELECT DISTINCT answer, prompt FROM responses
    WHERE failure IS NULL AND answer IN (SELECT unnest($answers::VARCHAR[]))
"""
_VOTED = "SELECT DISTINCT least(first, second) AS a, greatest(first, second) AS b FROM comparisons WHERE judge = $judge"
# By these a spreadsheet takes a text for a formula, and would run what a model wrote.
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")


def write(ballots: Sequence[Ballot], path: Path) -> None:
    """Writes the ballots, their column `preferred` empty. A text that could be a formula begins with an apostrophe.

    Raises InputError if the file exists: it may hold votes.
    """
    try:
        with path.open("x", encoding="utf-8-sig", newline="") as file:
            sheet = csv.writer(file, quoting=csv.QUOTE_ALL)
            sheet.writerow(COLUMNS)
            for each in ballots:
                texts = (each.request, each.document or "", each.first_text, each.second_text)
                sheet.writerow([f"{each.first}-{each.second}", *map(_plain, texts), ""])
    except FileExistsError:
        raise InputError("exists, and may hold votes", where=str(path), fix="Name a new file.") from None
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=str(path)) from None


def read(store: Store, voter: Voter, path: Path) -> tuple[int, int]:
    """Keeps the votes of a filled-in sheet; returns how many are new, and how many were empty or there before.

    `preferred` is first, second or tie (or 1, 2, t); empty means no vote. Only `ballot` and `preferred` are read. Raises
    InputError for anything else, and then keeps nothing.
    """
    lines = list(_lines(path))
    answers = [answer for _, first, second, _ in lines for answer in (first, second)]
    prompts = {row["answer"]: row["prompt"] for row in store.query(_PROMPTS, answers=answers)}
    known = {(row["a"], row["b"]) for row in store.query(_VOTED, judge=voter.key)}
    votes = []
    for at, first, second, said in lines:
        prompt = prompts.get(first)
        if prompt is None or prompts.get(second) != prompt or first == second:
            raise InputError(
                "this ballot is of no two answers in the store", where=at, fix="Is it another pipeline's sheet?"
            )
        if said and said not in VOTES:
            raise InputError(f"preferred is {said!r}", where=at, fix="Write first, second or tie, or leave it empty.")
        pair = (min(first, second), max(first, second))
        if said and pair not in known:
            known.add(pair)
            votes.append((prompt, first, second, VOTES[said]))
    voter.keep(store, votes)
    return len(votes), len(lines) - len(votes)


def _lines(path: Path) -> Iterator[tuple[str, str, str, str]]:
    """Each line as its place, the two answers, and what was preferred."""
    # Documents are longer than the 128 kB that the csv module allows by default.
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            dialect = ";" if file.readline().count(";") > 1 else ","
            file.seek(0)
            sheet = csv.DictReader(file, delimiter=dialect)
            missing = {"ballot", "preferred"} - set(sheet.fieldnames or ())
            if missing:
                raise InputError(
                    f"has no column {min(missing)!r}", where=str(path), fix="`rlaif label --export` writes them."
                )
            for row in sheet:
                first, _, second = (row["ballot"] or "").strip().partition("-")
                yield f"{path}:{sheet.line_num}", first, second, (row["preferred"] or "").strip().lower()
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot be read: {error}", where=str(path), fix="Save it as CSV, in UTF-8.") from None


def _plain(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text

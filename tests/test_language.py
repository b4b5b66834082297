"""Texts that people read are plain English: no construction of the old dialect in messages, docstrings, templates or docs."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support.paths import ROOT

# STYLE.md, rule 3 and the column "before". Each is a regular expression, looked for without regard to case.
BANNED: Final = (
    r"\b(?:is|are|was|be) told\b",
    r"\btold (?:apart|of|by|before|with)\b",
    r"\btells? of\b",
    r"\bowe[ds]?\b",
    r"\bowing\b",
    r"\bby lot\b",
    r"\bof (?:its|their|one's|rlaif's) own\b",
    r"\bcomes? to nothing\b",
    r"\bcame to nothing\b",
    r"\bwhose word\b",
    r"\bwhere there (?:is|are) none\b",
    r"\bis no (?:file|pairing|number|JSON|judge|model|folder|store)\b",
    r"\bwho judges\b",
    r"\bbegins? nothing\b",
    r"\bbegun anew\b",
    r"\bowed anew\b",
    r"\btaken to be right\b",
    r"\bno lead\b",
    r"\bthat is none\b",
    r"\bdid not come to\b",
    r"\bin its own words\b",
    r"\bin the judge's own words\b",
    r"\bsees? to it\b",
    r"\blets? go what\b",
    r"\bthe way out\b",
    r"\bwhat there is\b",
    r"\bhas no say\b",
)
_BANNED = re.compile("|".join(BANNED), re.IGNORECASE)

CODE: Final = ("rlaif/**/*.py",)
TEXTS: Final = (
    "rlaif/**/*.sql",
    "rlaif/**/*.jinja",
    "rlaif/**/*.html",
    "rlaif/**/*.md",
    "rlaif/**/*.yaml",
    "pipelines/**/*.yaml",
    "rubrics/**/*.yaml",
    "prompts/**/*.jinja",
    "docs/**/*.md",
    "README.md",
    "CONTRIBUTING.md",
)


def files() -> list[str]:
    found = {path for pattern in (*CODE, *TEXTS) for path in ROOT.glob(pattern) if path.is_file()}
    return sorted(str(path.relative_to(ROOT)) for path in found)


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """What people read of a file, with line numbers: of code its comments and string literals, else all of it."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        # A sentence may be wrapped anywhere.
        yield 1, text
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and not re.fullmatch(r"[\w/.-]*", node.value):
            yield node.lineno, node.value
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def dialect(path: Path) -> list[str]:
    """The banned phrases of a file, each with its line."""
    found = []
    for line, text in texts(path):
        flat = re.sub(r"\s*\n\s*(?:#|--)?\s*", lambda gap: " " * len(gap[0]), text)
        for match in _BANNED.finditer(re.sub(r"\s", " ", flat)):
            found.append(f"{line + text[: match.start()].count(chr(10))}: {match[0]}")
    return found


@pytest.mark.parametrize("name", files())
def test_a_file_holds_no_phrase_of_the_dialect(name: str) -> None:
    assert dialect(ROOT / name) == []


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ('raise InputError("an unknown option is told before")', 1),
        ('"""What is\n    owed anew."""', 1),
        ("x = 'owed'", 0),
        ('f"{count} is no number"', 1),
        ('help="Show what is pending."', 0),
        ("owed = 1", 0),
    ],
)
def test_messages_docstrings_and_comments_are_looked_at_and_names_are_not(tmp_path: Path, text: str, count: int) -> None:
    (tmp_path / "x.py").write_text(f"{text}\n" if not text.startswith("help") else f"f({text})\n")
    assert len(dialect(tmp_path / "x.py")) == count

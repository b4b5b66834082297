"""The filters, order and page number of the list of pairs, as they stand in the URL, and as conditions of a query.

Values from the URL are only ever bound as parameters. The exception is `where`, an expression that the user writes in SQL:
the connection that runs it can neither write nor open files.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final
from urllib.parse import urlencode

import duckdb

from rlaif.core.errors import InputError

NUMBERS: Final = ("margin_from", "margin_to", "confidence_from", "confidence_to", "lead_from", "lead_to")
# These conditions read a column of the pairs only; all others need the table that `sql/index.sql` makes.
CHEAP: Final = ("outcome", "margin_from", "margin_to", "confidence_from", "confidence_to")
# These read texts.
SLOW: Final = ("text", "where")
# Names of orders in the URL, their labels, and their SQL; `place` is the order of making.
ORDERS: Final[Mapping[str, tuple[str, str]]] = {
    "": ("as made", ""),
    "margin": ("margin, largest first", "margin DESC NULLS LAST, place"),
    "margin-up": ("margin, smallest first", "margin NULLS LAST, place"),
    "confidence": ("confidence, highest first", "confidence DESC NULLS LAST, place"),
    "confidence-up": ("confidence, lowest first", "confidence NULLS LAST, place"),
    "length": ("chosen longer by, most first", "chosen_characters - rejected_characters DESC NULLS LAST, place"),
    "length-up": ("rejected longer by, most first", "chosen_characters - rejected_characters NULLS LAST, place"),
}
_WILDCARDS: Final = str.maketrans("%\\", "__")
# The conditions by name of the filter. Subqueries that need more than a line are files in `sql/`.
CONDITIONS: Final[Mapping[str, str]] = {
    "outcome": "outcome = $outcome",
    "margin_from": "margin >= $margin_from",
    "margin_to": "margin <= $margin_to",
    "confidence_from": "confidence >= $confidence_from / 100",
    "confidence_to": "confidence <= $confidence_to / 100",
    "generator": "(chosen_number IN (FROM by_generator) OR rejected_number IN (FROM by_generator))",
    "source": "prompt_row IN (SELECT rowid FROM prompts WHERE starts_with(source, $source))",
    "meta": "prompt_row IN (SELECT rowid FROM prompts WHERE (metadata ->> $meta_path) = $value)",
    "criterion": "place IN (FROM leads)",
    "longer": "if($longer = 'chosen', chosen_characters > rejected_characters, chosen_characters < rejected_characters)",
    "disagreement": "place IN (FROM disagreements)",
    "text": "prompt_row IN (FROM by_text)",
}
# The columns of a condition in SQL besides those of `indexed`, each with its expression and the join that it needs.
_PROMPTS: Final = "JOIN prompts ON prompts.rowid = prompt_row"
_CHOSEN: Final = "LEFT JOIN responses AS chosen ON chosen.rowid = chosen_row"
_REJECTED: Final = "LEFT JOIN responses AS rejected ON rejected.rowid = rejected_row"
_CHOSEN_NAME: Final = "LEFT JOIN numbered AS one ON one.number = chosen_number"
_REJECTED_NAME: Final = "LEFT JOIN numbered AS two ON two.number = rejected_number"
COLUMNS: Final[Mapping[str, tuple[str, str]]] = {
    "prompt": ("prompts.key", _PROMPTS),
    "request": ("json_extract_string(messages, '$[#-1].content')", _PROMPTS),
    "document": ("document", _PROMPTS),
    "source": ("source", _PROMPTS),
    "metadata": ("metadata", _PROMPTS),
    "chosen_text": ("chosen.text", _CHOSEN),
    "rejected_text": ("rejected.text", _REJECTED),
    "chosen_generator": ("one.name", _CHOSEN_NAME),
    "rejected_generator": ("two.name", _REJECTED_NAME),
}


@dataclass(frozen=True)
class Filter:
    """The state of the list. An empty value means no condition.

    `lead_from` and `lead_to` limit the chosen minus the rejected score by `criterion`, in hundredths of its scale. `meta` is
    the name of a metadata column, and `value` its value. `longer` is "chosen" or "rejected".
    """

    pairing: str = ""
    text: str = ""
    outcome: str = ""
    margin_from: str = ""
    margin_to: str = ""
    confidence_from: str = ""
    confidence_to: str = ""
    criterion: str = ""
    lead_from: str = ""
    lead_to: str = ""
    generator: str = ""
    source: str = ""
    meta: str = ""
    value: str = ""
    longer: str = ""
    disagreement: str = ""
    where: str = ""
    sort: str = ""
    page: str = ""

    @classmethod
    def read(cls, values: Mapping[str, str]) -> "Filter":
        """Read the filter from a URL's query. Raises InputError for a value that is not of its kind."""
        given = {field.name: values.get(field.name, "").strip() for field in fields(cls)}
        for name in NUMBERS:
            if given[name]:
                _number(name, given[name])
        if given["sort"] not in ORDERS:
            raise InputError(f"unknown order {given['sort']!r}", where="sort", fix=f"Use one of: {', '.join(ORDERS)}.")
        if given["longer"] not in ("", "chosen", "rejected"):
            raise InputError(f"unknown value {given['longer']!r}", where="longer", fix="Use chosen or rejected.")
        if given["page"] and not (given["page"].isdecimal() and 0 < int(given["page"]) < 10**9):
            raise InputError(f"{given['page']!r} is not a page", where="page", fix="Use 1, 2, 3 and so on.")
        if given["where"]:
            _check_expression(given["where"])
        return cls(**given)

    def url(self, **changes: object) -> str:
        """Return the query of the URL of this state with these changes; without `page` it is the first page."""
        first = {} if "page" in changes else {"page": ""}
        changed = replace(self, **first | {name: str(value) for name, value in changes.items()})
        return urlencode({name: value for name, value in changed if value})

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return ((field.name, getattr(self, field.name)) for field in fields(self))

    @property
    def number(self) -> int:
        """The number of the page, from 1."""
        return int(self.page or 1)

    @property
    def advanced(self) -> int:
        """How many of the filters are set that the page folds away."""
        return sum(bool(value) for name, value in self if name not in ("text", "outcome", "sort", "page"))

    @property
    def order(self) -> str:
        return ORDERS[self.sort][1] or "place"

    @property
    def active(self) -> tuple[str, ...]:
        """The names of the conditions that are set."""
        return tuple(name for name, value in self if value and (name in CONDITIONS or name == "where"))

    @property
    def is_cheap(self) -> bool:
        """Whether the pairs' columns are enough for all conditions and the order."""
        return all(name in CHEAP for name in self.active) and not self.sort.startswith("length")

    @property
    def is_slow(self) -> bool:
        """Whether a condition reads texts."""
        return any(name in SLOW for name in self.active)

    def conditions(self, *, slow: bool) -> str:
        """Return the conditions that read texts, or the others, as SQL over parameters; `where` is not among them."""
        return " AND ".join(CONDITIONS[name] for name in self.active if (name in SLOW) == slow and name != "where") or "true"

    def readable(self, relation: str) -> str:
        """Return a query for the rows of a relation like `indexed` with the columns that the condition in SQL can name."""
        named = {name: column for name, column in COLUMNS.items() if name in self.where.lower()}
        columns = "".join(f", {expression} AS {name}" for name, (expression, _) in named.items())
        joins = dict.fromkeys(join for _, join in named.values())
        return f"SELECT {relation}.*{columns} FROM {relation} {' '.join(joins)}"

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of the conditions."""
        numbers = {name: float(getattr(self, name)) if getattr(self, name) else None for name in NUMBERS}
        name = self.meta.replace("\\", "\\\\").replace('"', '\\"')
        # Each wildcard of LIKE becomes one that stands for any single character, so the pattern finds more, never less.
        pattern = f"%{self.text.translate(_WILDCARDS)}%"
        return dict(self) | numbers | {"meta_path": f'$."{name}"', "text": self.text.lower(), "pattern": pattern}


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if value != value or abs(value) > 1e9:
        raise InputError(f"{text!r} is not a number", where=name, fix="Use a number such as 12.5, or leave it empty.")
    return value


def _check_expression(text: str) -> None:
    """Check that the text is one SQL expression. Raises InputError otherwise."""
    try:
        duckdb.SQLExpression(text)
    except duckdb.Error as error:
        message = str(error).splitlines()[0]
        fix = "Write one condition, for example: margin < 20 AND chosen_characters > 2 * rejected_characters"
        raise InputError(f"this is not an SQL condition: {message}", where="where", fix=fix) from None

"""The truth about any answer in the tiny world, computed from texts alone; no model is asked.

An answer is read as facts, parted by line breaks and semicolons. A part that is not one of the document's fields
followed by one value is `unclear`: it counts as something stated that the document does not support.

- faithfulness: share of stated parts whose value agrees with the document.
- completeness: share of the needed fields that the answer states, whatever the value (values are faithfulness's job).
- helpfulness: share of stated parts that the asker needs, each once; halved where the form is not the one asked for.

Each runs from 0 to 100. An answer that states nothing gets 0 on all three, so silence never wins.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rlaif.demo.world import DOMAINS

if TYPE_CHECKING:
    from rlaif.core.types import Prompt

_WRONG_FORM = 0.5  # a note in the wrong form is still half as useful


@dataclass(frozen=True)
class Brief:
    """What a document and a request ask for: the true facts, the needed fields, the form."""

    facts: dict[str, str]
    needed: tuple[str, ...]
    form: str


@dataclass(frozen=True)
class Part:
    """One stated part of an answer; `field` is None where it is not a fact of the document's kind."""

    field: str | None
    value: str


@dataclass(frozen=True)
class Marks:
    """The three criteria, each 0 to 100."""

    faithfulness: float
    completeness: float
    helpfulness: float


def brief(document: str, request: str) -> Brief:
    """Read a document and a request; what cannot be read is left empty."""
    title, _, body = document.partition(" report:")
    facts = dict(pair for piece in re.split(r"[;\n]", body) if (pair := _pair(piece)))
    words = re.findall(r"\w+", request.lower())
    domain = DOMAINS.get(title.strip())
    needs = domain.needs if domain else {}
    role = next((word for word in words if word in needs), "")
    form = next((word for word in words if word in ("list", "line")), "")
    return Brief(facts, needs.get(role, ()), form)


def parts(response: str, facts: dict[str, str]) -> list[Part]:
    """Split an answer into what it states, in order."""
    pieces = [piece for piece in re.split(r"[;\n]", response) if re.search(r"\w", piece)]
    return [_part(piece, facts) for piece in pieces]


def form(response: str) -> str:
    """The form an answer has: "list", "line", or "other"."""
    lines = [line for line in response.splitlines() if line.strip()]
    if lines and all(line.startswith("- ") and ";" not in line for line in lines):
        return "list"
    if len(lines) == 1 and not lines[0].lstrip().startswith(("-", "*")):
        return "line"
    return "other"


def agrees(part: Part, facts: dict[str, str]) -> bool:
    """Whether a part states what the document states."""
    return part.field is not None and part.value.casefold() == facts[part.field].casefold()


def wanted(stated: list[Part], needed: tuple[str, ...]) -> list[bool]:
    """For each part, whether the asker needs it and has not been told it before."""
    fields = [part.field for part in stated]
    return [field in needed and field not in fields[:place] for place, field in enumerate(fields)]


def marks(document: str, request: str, response: str) -> Marks:
    """Mark one answer; any text whatsoever is accepted."""
    asked = brief(document, request)
    stated = parts(response, asked.facts)
    told = {part.field for part in stated}
    fit = 1.0 if form(response) == asked.form else _WRONG_FORM
    return Marks(
        faithfulness=_share([agrees(part, asked.facts) for part in stated]),
        completeness=_share([field in told for field in asked.needed]),
        helpfulness=fit * _share(wanted(stated, asked.needed)),
    )


def faithfulness(prompt: "Prompt", response: str) -> float:
    """The oracle as a `check` criterion: share of stated facts that the document supports, 0 to 100."""
    return _marks(prompt, response).faithfulness


def completeness(prompt: "Prompt", response: str) -> float:
    """The oracle as a `check` criterion: share of needed facts that are stated, 0 to 100."""
    return _marks(prompt, response).completeness


def helpfulness(prompt: "Prompt", response: str) -> float:
    """The oracle as a `check` criterion: what was asked, as asked, and nothing more, 0 to 100."""
    return _marks(prompt, response).helpfulness


def _marks(prompt: "Prompt", response: str) -> Marks:
    return marks(prompt.document or "", prompt.request, response)


def _pair(piece: str) -> tuple[str, str] | None:
    words = re.sub(r"^\s*[-*•]\s+", "", piece).strip().removesuffix(".").split()
    return (words[0].removesuffix(":").lower(), words[1]) if len(words) == 2 else None


def _part(piece: str, facts: dict[str, str]) -> Part:
    pair = _pair(piece)
    return Part(*pair) if pair and pair[0] in facts else Part(None, "")


def _share(flags: list[bool]) -> float:
    return 100.0 * sum(flags) / len(flags) if flags else 0.0

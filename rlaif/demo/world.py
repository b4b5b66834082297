"""Generate the tiny world: documents that state facts, and people who need some of them.

A document names its domain and states eight facts, each a field and then its value:
``Shipment report: driver Ramel; crates 102; ...``. A request says who needs a note and in which form.
Who needs what is fixed by `DOMAINS`, so the truth about any answer can be computed (see `rlaif.demo.ground_truth`).
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Form = Literal["list", "line"]
Fact = tuple[str, str]


@dataclass(frozen=True)
class Domain:
    """One kind of document: its fields, by kind of value, and the fields that each asker needs."""

    title: str
    named: tuple[str, ...]
    counted: tuple[str, ...]
    needs: dict[str, tuple[str, ...]]

    @property
    def fields(self) -> tuple[str, ...]:
        """Return every field of a document of this domain, named ones first."""
        return self.named + self.counted


_SHIPMENT = Domain(
    "Shipment",
    named=("origin", "destination", "driver", "goods"),
    counted=("crates", "weight", "price", "days"),
    needs={
        "planner": ("origin", "destination", "days"),
        "insurer": ("goods", "weight", "price", "driver"),
        "warehouse": ("goods", "crates", "weight"),
        "auditor": ("driver", "origin", "destination", "crates", "price"),
    },
)
_REPAIR = Domain(
    "Repair",
    named=("machine", "site", "mechanic", "part"),
    counted=("hours", "cost", "ticket", "outage"),
    needs={
        "operator": ("machine", "site", "outage"),
        "supplier": ("part", "machine", "cost", "ticket"),
        "manager": ("site", "mechanic", "hours", "outage"),
        "auditor": ("ticket", "mechanic", "part", "hours", "cost"),
    },
)
_HARVEST = Domain(
    "Harvest",
    named=("farm", "crop", "buyer", "foreman"),
    counted=("sacks", "acres", "rain", "payment"),
    needs={
        "farmer": ("crop", "acres", "rain", "sacks"),
        "miller": ("farm", "crop", "sacks"),
        "banker": ("buyer", "payment", "acres"),
        "auditor": ("farm", "foreman", "buyer", "sacks", "payment"),
    },
)
_VISIT = Domain(
    "Visit",
    named=("patient", "clinic", "nurse", "drug"),
    counted=("dose", "pulse", "room", "fee"),
    needs={
        "doctor": ("patient", "drug", "dose", "pulse"),
        "pharmacist": ("drug", "dose", "clinic"),
        "porter": ("patient", "room", "nurse"),
        "auditor": ("clinic", "nurse", "drug", "room", "fee"),
    },
)
DOMAINS = {domain.title: domain for domain in (_SHIPMENT, _REPAIR, _HARVEST, _VISIT)}

_SYLLABLES = (
    "ka",
    "lo",
    "mi",
    "ra",
    "tu",
    "ven",
    "dor",
    "sel",
    "pim",
    "gar",
    "nes",
    "bol",
    "tak",
    "wyn",
    "fri",
    "jus",
    "hel",
    "cor",
    "zan",
    "mel",
)
NAMES = tuple((first + last).capitalize() for first in _SYLLABLES for last in _SYLLABLES if first != last)[::4]
NUMBERS = tuple(str(number) for number in range(1, 100))

# Each wording contains exactly one of the words "list" and "line", by which the oracle knows the form.
WORDINGS: dict[Form, tuple[str, ...]] = {
    "list": ("Note for the {role} as a list.", "Write a list for the {role}.", "The {role} needs a note in list form."),
    "line": (
        "Note for the {role} in one line.",
        "Write one line for the {role}.",
        "The {role} needs a note on a single line.",
    ),
}


@dataclass(frozen=True)
class Case:
    """One document and one request about it, with the facts from which they were made."""

    domain: Domain
    facts: dict[str, str]
    role: str
    form: Form
    wording: str

    @property
    def document(self) -> str:
        """Return the document's text, with the facts in the order of the case."""
        return f"{self.domain.title} report: " + "; ".join(f"{f} {v}" for f, v in self.facts.items()) + "."

    @property
    def request(self) -> str:
        """Return the request's text."""
        return self.wording.format(role=self.role)

    @property
    def needed(self) -> tuple[str, ...]:
        """Return the fields that the asker needs, in the asker's order."""
        return self.domain.needs[self.role]


def value(domain: Domain, field: str, rng: random.Random) -> str:
    """Return a random value of the field's kind."""
    return rng.choice(NAMES if field in domain.named else NUMBERS)


def case(rng: random.Random) -> Case:
    """Return a new case: every domain, role, form and wording is equally likely, and facts are in random order."""
    domain = rng.choice(list(DOMAINS.values()))
    fields = rng.sample(domain.fields, len(domain.fields))
    form = rng.choice(list(WORDINGS))
    return Case(
        domain=domain,
        facts={field: value(domain, field, rng) for field in fields},
        role=rng.choice(list(domain.needs)),
        form=form,
        wording=rng.choice(WORDINGS[form]),
    )


def layout(facts: list[Fact], form: Form) -> str:
    """Write the facts as text: one ``- field value`` per line, or all in one line between semicolons."""
    if form == "list":
        return "\n".join(f"- {field} {value}" for field, value in facts)
    return "; ".join(f"{field} {value}" for field, value in facts)


def requests(count: int, seed: int) -> Iterator[dict[str, str]]:
    """Yield `count` unique rows ``{"prompt": request, "document": document}``.

    The random stream is named "requests", so no seed repeats what training samples from its own streams.
    """
    rng = random.Random(f"requests {seed}")
    seen: set[str] = set()
    while len(seen) < count:
        drawn = case(rng)
        if drawn.document not in seen:
            seen.add(drawn.document)
            yield {"prompt": drawn.request, "document": drawn.document}

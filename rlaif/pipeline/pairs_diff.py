"""Make two pairings of one store, compare them, and leave the store as it was."""

from collections.abc import Sequence
from dataclasses import dataclass

from rlaif import pipeline
from rlaif.context.run import Context
from rlaif.core.errors import InputError
from rlaif.pipeline.resolve import resolve

# Characters of a text in an example.
EXCERPT = 600
FATES = ("same", "flipped", "lost", "gained")
_COUNTS = """
    SELECT fate, why, count(*) AS pairs FROM diff GROUP BY fate, why
    ORDER BY array_position(['same', 'flipped', 'lost', 'gained'], fate), pairs DESC, why
"""
_FIND = "SELECT key FROM pairings WHERE starts_with(key, $prefix) ORDER BY key LIMIT 2"


@dataclass(frozen=True)
class Side:
    """One pairing: mean margin in hundredths of the scale, mean lengths in characters, share that choose the longer."""

    settings: Sequence[str]
    pairing: str
    pairs: int
    prompts: int
    margin: float | None
    chosen_length: float | None
    rejected_length: float | None
    longer: float | None


@dataclass(frozen=True)
class Change:
    """The number of pairs with one fate and one reason."""

    fate: str
    why: str | None
    pairs: int


@dataclass(frozen=True)
class Cause:
    """The contribution of one criterion to the margins of the pairs of one fate, in A and in B, in hundredths of the scale.

    It has the largest change in `cause` of the pairs. `known` of the `pairs` have every score in both pairings.
    """

    fate: str
    criterion: str
    pairs: int
    known: int
    lead_a: float | None
    lead_b: float | None
    cause: int


@dataclass(frozen=True)
class Example:
    """One pair that changed, with the labels of A (of B if only B has it)."""

    fate: str
    why: str | None
    prompt: str
    request: str
    chosen: str
    rejected: str
    margin_a: float | None
    margin_b: float | None


@dataclass(frozen=True)
class Difference:
    """The changes from A to B. Every pair is the same, flipped, lost (only in A) or gained (only in B)."""

    a: Side
    b: Side
    same: int
    flipped: int
    lost: int
    gained: int
    changes: Sequence[Change]
    causes: Sequence[Cause]
    examples: Sequence[Example]


def compare(context: Context, a: Sequence[str], b: Sequence[str], *, examples: int = 2) -> Difference:
    """Return what changes from pairing A to pairing B, each given as overrides (`pair.strategy=best_vs_random`).

    A single word without `=` names a stored pairing by the start of its key. No model is called: responses that a judge has
    not scored stay unscored. Raises InputError for an unknown pairing.
    """
    store = context.store
    with store.scratch():
        first, second = (_pairing(context, given) for given in (a, b))
        keys = {"a": first, "b": second}
        store.execute("pipeline/sql/pairs_diff/pair_changes", **keys)
        store.execute("pipeline/sql/pairs_diff/margins", **keys)
        changes = [Change(**row) for row in store.query(_COUNTS)]
        fates = {fate: sum(each.pairs for each in changes if each.fate == fate) for fate in FATES}
        return Difference(
            a=Side(a, first, **store.query("pipeline/sql/pairs_diff/side", pairing=first)[0]),
            b=Side(b, second, **store.query("pipeline/sql/pairs_diff/side", pairing=second)[0]),
            **fates,
            changes=changes,
            causes=[Cause(**row) for row in store.query("pipeline/sql/pairs_diff/causes")],
            examples=[
                Example(**row) for row in store.query("pipeline/sql/pairs_diff/examples", each=examples, most=EXCERPT)
            ],
        )


def _pairing(context: Context, given: Sequence[str]) -> str:
    """Return the key of a pairing: made now from overrides, or found in the store."""
    if len(given) == 1 and "=" not in given[0]:
        found = context.store.query(_FIND, prefix=given[0])
        if len(found) != 1:
            raise InputError(
                f"{'several pairings start' if found else 'no pairing starts'} with {given[0]!r}",
                where="pairs diff",
                fix='Write section.key=value, or list pairings: rlaif sql FILE "FROM pairings_readable".',
            )
        return str(found[0]["key"])
    # A comparison opens no model.
    config = context.config.changed(given, allow_code=True)
    if config.store_path != context.config.store_path:
        raise InputError("both pairings must be in one store", where="pairs diff", fix="Do not override `name` or `out`.")
    return pipeline.make_pairs(resolve(config), Context(config, context.store, context.run, context.progress)).key

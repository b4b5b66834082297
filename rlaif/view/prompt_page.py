"""The page of one prompt: conversation, responses side by side, scores, and what happened in each pairing."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from rlaif.core.errors import InputError
from rlaif.core.words import count_words
from rlaif.report.explain import explain
from rlaif.report.explain.types import FullVerdict, PromptHistory, Sampled
from rlaif.store.store import Row, Store
from rlaif.view.filters import Filter
from rlaif.view.listing import newest, read_around
from rlaif.view.markdown import render
from rlaif.view.marked_items import Marked, mark_items
from rlaif.view.matrix import read_matrix
from rlaif.view.site import Site
from rlaif.view.tables import Tables
from rlaif.view.word_diff import Parts, word_diff

MODES = {"": "Markdown", "diff": "Differences", "items": "Checked items", "raw": "As written"}


@dataclass(frozen=True)
class Shown:
    """One response on the page. `side` is chosen, rejected or empty; `parts` are its words with the differences flagged;
    `checks` has the sentences that the items of each verdict with items are about.
    """

    response: Sampled
    side: str
    outcome: str
    words: int
    parts: Parts | None
    checks: Sequence[tuple[FullVerdict, Sequence[Marked]]]


def show(site: Site, request: Request) -> Response:
    """Return the page of the prompt in the path. `chosen` and `rejected` name the pair, `at` its place in the list."""
    values, mode = request.query_params, request.query_params.get("show", "")
    if mode not in MODES:
        raise InputError(f"unknown mode {mode!r}", where="show", fix="Use diff, items or raw, or leave it out.")
    asked = Filter.read(values)
    with site.access.listing() as tables:
        store = tables.store
        state = newest(store, asked)
        history = explain(store, request.path_params["key"], site.subject.judges)
        pairs = store.rows(
            "SELECT chosen, rejected, margin::DOUBLE AS margin, confidence FROM pairs "
            "WHERE pairing = $pairing AND prompt = $prompt ORDER BY pairs.margin DESC NULLS LAST, chosen, rejected",
            pairing=state.pairing,
            prompt=history.prompt,
        )
        pair = _pair(pairs, values)
        responses = _responses(history, pair, state.pairing)
        matrix = read_matrix(store, state.pairing, _answers(store, responses), _names(site.subject.judges, store))
        before, after = _neighbours(tables, state, values.get("at", ""))
    return site.html(
        "prompt.html.jinja",
        tab="pairs",
        history=history,
        responses=responses,
        matrix=matrix,
        pair=pair,
        pairs=pairs,
        asked=asked,
        outcome=next((each for each in history.outcomes if each.pairing == state.pairing), None),
        at=int(values["at"]) if before is not None or after is not None else None,
        before=before,
        after=after,
        mode=mode,
        modes=MODES,
        render=render,
        json=partial(json.dumps, indent=1, ensure_ascii=False),
    )


def _pair(pairs: Sequence[Row], values: Mapping[str, str]) -> Row | None:
    named = (values.get("chosen", ""), values.get("rejected", ""))
    return next((row for row in pairs if (row["chosen"], row["rejected"]) == named), pairs[0] if pairs else None)


def _responses(history: PromptHistory, pair: Row | None, pairing: str) -> list[Shown]:
    """Return the responses: those of the pair first. Failed attempts are left out if a later one succeeded."""
    whole = {each.key for each in history.responses if each.failure is None}
    kept = {each.key: each for each in history.responses if each.failure is None or each.key not in whole}
    sides = {pair["chosen"]: "chosen", pair["rejected"]: "rejected"} if pair else {}
    outcomes = next((each.responses for each in history.outcomes if each.pairing == pairing), {})
    both = [kept[key].text or "" for key in sides if key in kept]
    differing = word_diff(*both) if len(both) == 2 else None
    parts = dict(zip(sides, differing, strict=True)) if differing else {}
    shown = []
    for key, each in kept.items():
        outcome, words = outcomes.get(each.name, ""), count_words(each.text or "")
        shown.append(Shown(each, sides.get(key, ""), outcome, words, parts.get(key), _checks(each)))
    return sorted(shown, key=lambda each: ("chosen", "rejected", "").index(each.side))


def _checks(response: Sampled) -> list[tuple[FullVerdict, Sequence[Marked]]]:
    found = [verdict for verdict in response.verdicts if verdict.findings]
    return [(verdict, mark_items(response.text or "", verdict.findings)) for verdict in found]


def _answers(store: Store, responses: Sequence[Shown]) -> list[str | None]:
    keys = [each.response.key for each in responses]
    rows = store.rows(
        "SELECT key, answer FROM responses WHERE failure IS NULL AND key IN (SELECT unnest($keys::VARCHAR[]))", keys=keys
    )
    answers = {row["key"]: row["answer"] for row in rows}
    return [answers.get(key) for key in keys]


def _names(judges: Mapping[str, str], store: Store) -> dict[str, str]:
    """Return the names of judges by key; versions that are not in use are marked."""
    rows = store.rows("SELECT key, name, key IN (SELECT key FROM current_judges) AS current FROM judges")
    present = {key: name for name, key in judges.items()}
    names = {row["key"]: row["name"] if row["current"] else f"{row['name']}, an earlier version" for row in rows}
    return names | present


def _neighbours(tables: Tables, filter: Filter, at: str) -> tuple[Any, Any]:
    """Return the rows before and after the place `at` in the list; None for those that do not exist."""
    if not at.isdecimal() or not 0 < int(at) < 10**9:
        return None, None
    before, _, after = read_around(tables, filter, int(at))
    return before, after

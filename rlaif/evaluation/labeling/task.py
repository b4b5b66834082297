"""Builds labeling tasks and stores votes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rlaif.core.types import key
from rlaif.store.store import Store

# The pairs of responses that a person has voted on, each with the preferred response, or "tie".
_VOTES: Final = """
    SELECT least(first, second) AS a, greatest(first, second) AS b,
        arg_max(CASE preferred WHEN 'first' THEN first WHEN 'second' THEN second ELSE preferred END, rowid) AS preferred
    FROM comparisons WHERE judge = $judge
    GROUP BY ALL
"""

Vote = tuple[str, str, str, str]
"""Prompt, first response, second response, and "first", "second" or "tie"."""


@dataclass(frozen=True)
class LabelingTask:
    """Two responses to one prompt, as keys and texts, in the order shown. Generators are hidden."""

    prompt: str
    first: str
    second: str
    request: str
    document: str | None
    first_text: str
    second_text: str


@dataclass(frozen=True)
class Voter:
    """A person who acts as a judge."""

    person: str

    @property
    def name(self) -> str:
        return f"human:{self.person}"

    @property
    def key(self) -> str:
        return key("human", self.person)

    def keep(self, store: Store, votes: Sequence[Vote]) -> None:
        """Store votes, all or none."""
        with store.transaction():
            if not store.query(
                "SELECT key FROM judges WHERE key = $judge AND name = $name LIMIT 1", judge=self.key, name=self.name
            ):
                store.append("judges", [{"key": self.key, "name": self.name, "spec": '{"kind": "human"}'}])
            store.append(
                "comparisons",
                [
                    {
                        "prompt": prompt,
                        "first": first,
                        "second": second,
                        "judge": self.key,
                        "criterion": "overall",
                        "preferred": preferred,
                    }
                    for prompt, first, second, preferred in votes
                ],
            )

    def votes(self, store: Store) -> dict[tuple[str, str], str]:
        """Return the preferred response, or "tie", by the keys of the two responses, the smaller one first."""
        return {(row["a"], row["b"]): row["preferred"] for row in store.query(_VOTES, judge=self.key)}

    def take_back(self, store: Store, first: str, second: str) -> None:
        """Delete this person's votes on two responses."""
        store.run(
            "DELETE FROM comparisons WHERE judge = $judge AND verdict IS NULL "
            "AND least(first, second) = least($first, $second) AND greatest(first, second) = greatest($first, $second)",
            judge=self.key,
            first=first,
            second=second,
        )


def labeling_tasks(
    store: Store,
    voter: Voter,
    generators: Sequence[str],
    *,
    per_prompt: int = 1,
    limit: int | None = None,
    seed: int = 0,
    informative: bool = False,
) -> list[LabelingTask]:
    """Return tasks without a vote by this person: `per_prompt` pairs of these generators' (keys) responses.

    They are a random sample, or with `informative` begin where a vote tells most: where judges disagree, then where the
    label has a low confidence.
    """
    store.execute("evaluation/sql/judge_points")
    store.execute("evaluation/labeling/sql/informative")
    rows = store.query(
        "evaluation/labeling/sql/ballots",
        judge=voter.key,
        generators=list(generators),
        per_prompt=per_prompt,
        limit=limit,
        seed=seed,
        informative=informative,
    )
    return [LabelingTask(request=_request(row.pop("messages")), **row) for row in rows]


def tasks_of_pairs(store: Store, pairing: str) -> list[LabelingTask]:
    """Return a task for each pair of a pairing. The order of the tasks and of their responses follows from a hash."""
    rows = store.query("evaluation/labeling/sql/pairs", pairing=pairing)
    return [LabelingTask(request=_request(row.pop("messages")), **row) for row in rows]


def _request(messages: str) -> str:
    turns = json.loads(messages)
    if len(turns) == 1:
        return str(turns[0]["content"])
    return "\n\n".join(f"{turn['role']}: {turn['content']}" for turn in turns)

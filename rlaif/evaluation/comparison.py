"""Compares a trained model with its base on held-out prompts, by one judge's scores or comparisons."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rlaif.core.statistics import bootstrap, mean
from rlaif.evaluation.length_control import LengthControlled, Outcome, length_controlled
from rlaif.evaluation.scores import Contest, Means, Scored, has_compared, percent
from rlaif.store.store import Row, Store

# Means that differ by less are equal, because the difference is rounding.
TIE = 1e-9


@dataclass(frozen=True)
class CriterionResult:
    """One criterion: means in its units and in hundredths of its range, and the trained model's win rate over prompts."""

    name: str
    low: float
    high: float
    base: float | None
    trained: float | None
    base_percent: float | None
    trained_percent: float | None
    win_rate: float | None


@dataclass(frozen=True)
class Side:
    """One of the two models: its weighted score (0 to 100), mean lengths, and failures of responses by kind.

    A response that failed or lacks a score on a weighted criterion counts as a failure and is excluded from the means.
    """

    name: str
    responses: int
    failures: Mapping[str, int]
    score: float | None
    words: float | None
    characters: float | None
    tokens: float | None


@dataclass(frozen=True)
class HeadToHead:
    """Results of direct comparisons: the trained model's win rate over `prompts`, with ties counting half.

    `both` counts the pairs of texts that were shown in both orders. `consistent` is the share of them with the same winner
    in both orders, and `first_shown` how often the text shown first wins, which is half without position bias. `one_order`
    counts comparisons that are excluded because the other order is missing.
    """

    prompts: int
    win_rate: float | None
    interval: tuple[float, float] | None
    ties: float | None
    both: int
    consistent: float | None
    first_shown: float | None
    one_order: int = 0


@dataclass(frozen=True)
class Part:
    """The trained model's win rate on one part of the prompts: those with the value `part` of `kind`.

    `kind` is `source`, or a column of the prompts' metadata.
    """

    kind: str
    part: str
    prompts: int
    win_rate: float


@dataclass(frozen=True)
class Match:
    """The result of comparing both models by one judge, on the prompts where both have a score. Shares are from 0 to 1.

    `win_rate` is the share of prompts on which the trained model's mean score is higher, with ties counting half, and
    `interval` its 95 % bootstrap interval over prompts; `gain_interval` is that of the gain in score. For a judge that only
    compares, comparisons decide wins and ties. `longer_wins` is the share of `longer_prompts` (those with unequal lengths
    and a winner) that the longer response wins, which is the accuracy of preferring length alone. `not_controlled` says why
    `length_controlled` is missing.
    """

    judge: str
    base: Side
    trained: Side
    prompts: int
    excluded: Mapping[str, int]
    win_rate: float | None
    interval: tuple[float, float] | None
    ties: float | None
    longer_wins: float | None
    longer_prompts: int
    criteria: Sequence[CriterionResult]
    gain_interval: tuple[float, float] | None = None
    length_controlled: LengthControlled | None = None
    not_controlled: str | None = None
    head_to_head: HeadToHead | None = None
    parts: Sequence[Part] = ()

    @property
    def gain(self) -> float | None:
        """The trained model's score minus the base's, from -100 to 100."""
        before, after = self.base.score, self.trained.score
        return None if before is None or after is None else after - before


@dataclass(frozen=True)
class _Decided:
    """The prompts with a winner or tie: both sides and the trained model's win (0 to 1), by prompt."""

    prompts: Mapping[str, tuple[Means, Means, float]]
    decisions: dict[str, Row]
    undecided: dict[str, int]

    @property
    def outcome(self) -> Outcome:
        return Outcome(
            wins={prompt: win for prompt, (_, _, win) in self.prompts.items()},
            lengths={prompt: after.characters for prompt, (_, after, _) in self.prompts.items()},
            base_lengths={prompt: before.characters for prompt, (before, _, _) in self.prompts.items()},
        )


def match(store: Store, contest: Contest, scored: Scored) -> Match:
    """Return the result of one contest, given the scores that `read` returned for it."""
    return matches(store, [(contest, scored)])[0]


def matches(
    store: Store, contests: Sequence[tuple[Contest, Scored]], earlier: Sequence[tuple[Contest, Scored]] = ()
) -> list[Match]:
    """Return the results of several models against the same base by one judge, with joint length control.

    `earlier` are stored results of other models against that base, which are fitted with them and not returned.
    """
    decided = [_decided(store, *each) for each in (*contests, *earlier)]
    controlled = length_controlled([each.outcome for each in decided])
    return [_match(store, *each, found, rate) for each, found, rate in zip(contests, decided, controlled, strict=False)]


def _decided(store: Store, contest: Contest, scored: Scored) -> _Decided:
    decisions = _decisions(store, contest)
    pairs = {prompt: (*sides, _win(*sides, decisions.get(prompt))) for prompt, sides in scored.both.items()}
    decided = {prompt: (before, after, win) for prompt, (before, after, win) in pairs.items() if win is not None}
    return _Decided(decided, decisions, _undecided(pairs, decisions))


def _match(store: Store, contest: Contest, scored: Scored, found: _Decided, controlled: LengthControlled | str) -> Match:
    decided = list(found.prompts.values())
    wins = [win for _, _, win in decided]
    unequal = [
        (after.characters - before.characters) * (win - 0.5)
        for before, after, win in decided
        if after.characters != before.characters and win != 0.5
    ]
    scores = [(before.score, after.score) for before, after, _ in decided]
    base, trained, judge = contest.base, contest.trained, contest.judge
    names = {row["key"]: row["name"] for row in store.query("evaluation/sql/names", keys=[base, trained, judge])}
    return Match(
        judge=names.get(judge, judge),
        base=_side(names.get(base, base), scored, "base", [before for before, _, _ in decided]),
        trained=_side(names.get(trained, trained), scored, "trained", [after for _, after, _ in decided]),
        prompts=len(decided),
        excluded=scored.excluded | found.undecided,
        win_rate=mean(wins),
        interval=bootstrap(wins),
        ties=mean([float(win == 0.5) for win in wins]),
        longer_wins=mean([float(lead > 0) for lead in unequal]),
        longer_prompts=len(unequal),
        criteria=[_criterion(row, decided) for row in scored.criteria],
        gain_interval=bootstrap([after - before for before, after in scores if before is not None and after is not None]),
        length_controlled=None if isinstance(controlled, str) else controlled,
        not_controlled=controlled if isinstance(controlled, str) else None,
        head_to_head=_head_to_head(list(found.decisions.values())),
        parts=_parts(store, found),
    )


def _parts(store: Store, found: _Decided) -> list[Part]:
    """Return the win rates by source and by each column of the metadata that has few values."""
    wins: dict[tuple[str, str], list[float]] = {}
    for row in store.query("evaluation/sql/parts"):
        if row["prompt"] in found.prompts:
            wins.setdefault((row["kind"], row["part"]), []).append(found.prompts[row["prompt"]][2])
    return [Part(kind, part, len(each), sum(each) / len(each)) for (kind, part), each in sorted(wins.items())]


def _decisions(store: Store, contest: Contest) -> dict[str, Row]:
    """Return the judge's comparisons of the two sides by prompt; empty if it made none."""
    # Equal responses tie without a comparison, so ties alone do not mean that the judge compares.
    rows = store.query("evaluation/sql/head_to_head", **contest.parameters) if has_compared(store, contest.judge) else []
    return {row["prompt"]: row for row in rows}


def _undecided(pairs: Mapping[str, tuple[Means, Means, float | None]], decisions: Mapping[str, Row]) -> dict[str, int]:
    """Count prompts that have both sides but no result, by reason."""
    left = [prompt for prompt, (_, _, win) in pairs.items() if win is None]
    return dict(Counter("compared in one order only" if prompt in decisions else "not compared" for prompt in left))


def _win(before: Means, after: Means, decision: Row | None) -> float | None:
    """Return 1 if the trained model wins the prompt, 0.5 for a tie, 0 if it loses; None if it was not judged."""
    if before.score is not None and after.score is not None:
        return won(after.score - before.score)
    return None if decision is None or decision["win"] is None else float(decision["win"])


def won(lead: float) -> float:
    """Return 1 for a positive margin, 0.5 for a tie, 0 for a negative margin."""
    return 0.5 if abs(lead) <= TIE else float(lead > 0)


def _side(name: str, scored: Scored, side: str, means: Sequence[Means]) -> Side:
    failures: Counter[str] = scored.failures[side]
    return Side(
        name=name,
        responses=scored.responses.get(side, 0),
        failures=dict(sorted(failures.items())),
        score=mean([each.score for each in means if each.score is not None]),
        words=mean([each.words for each in means]),
        characters=mean([each.characters for each in means]),
        tokens=mean([each.tokens for each in means if each.tokens is not None]),
    )


def _criterion(row: Row, decided: Sequence[tuple[Means, Means, float]]) -> CriterionResult:
    name = row["criterion"]
    pairs = [(b.criteria[name], t.criteria[name]) for b, t, _ in decided if name in b.criteria and name in t.criteria]
    base, trained = mean([b for b, _ in pairs]), mean([t for _, t in pairs])
    return CriterionResult(
        name=name,
        low=row["low"],
        high=row["high"],
        base=base,
        trained=trained,
        base_percent=None if base is None else percent(row, base),
        trained_percent=None if trained is None else percent(row, trained),
        win_rate=mean([won(t - b) for b, t in pairs]),
    )


def _head_to_head(decisions: Sequence[Row]) -> HeadToHead | None:
    if not decisions:
        return None
    wins = [float(row["win"]) for row in decisions if row["win"] is not None]
    both, decided, one_order = (sum(row[name] for row in decisions) for name in ("swapped", "decided", "one_order"))
    return HeadToHead(
        prompts=len(wins),
        win_rate=mean(wins),
        interval=bootstrap(wins),
        ties=mean([float(won(win - 0.5) == 0.5) for win in wins]),
        both=both,
        consistent=sum(row["same"] for row in decisions) / both if both else None,
        first_shown=sum(row["first_won"] for row in decisions) / decided if decided else None,
        one_order=one_order,
    )

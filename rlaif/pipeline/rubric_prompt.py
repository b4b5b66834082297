"""The prompt for a proposal: pairs on which a judge disagrees with a gold standard, with the judge's scores and rationales.

Requests, documents, responses and rationales are untrusted: they are sanitized and fenced, as for judges.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from rlaif.config import ModelConfig
from rlaif.config.templates import Template, fence
from rlaif.config.yaml import did_you_mean
from rlaif.context.run import Context
from rlaif.core.errors import InputError
from rlaif.core.types import Message, key, stored
from rlaif.evaluation.rubric_comparison import FIRST_PART, in_first_part
from rlaif.judging import JudgeContext
from rlaif.judging.proposal import HIGH, LOW, MOST_CRITERIA
from rlaif.judging.rubric import Scale
from rlaif.judging.sanitize import NEVER, token_pattern
from rlaif.models.registry import identity
from rlaif.models.special_tokens import special_tokens
from rlaif.pipeline.plan import Plan
from rlaif.pipeline.rubric_trial import CurrentRubric, find_current, gold_pairs
from rlaif.store.store import Row

TEMPLATE: Final = "prompts/rubric/suggest.jinja"
VARIABLES: Final = frozenset(
    {"criteria", "others", "pairs", "fence", "agreed", "total", "disagreements", "most", "low", "high"}
)
# Twelve pairs with documents of a page each fit a context of 32,000 tokens.
PAIRS: Final = 12
# Characters of a text that the model sees.
MOST_DOCUMENT, MOST_TEXT, MOST_RATIONALE = 6000, 3000, 500


@dataclass(frozen=True)
class Task:
    """One request for a proposal: the rubric, the model, what it sees, and the counts behind that."""

    current: CurrentRubric
    name: str
    model: ModelConfig
    where: str
    content: str
    pairs: int
    disagreements: int
    shown: int

    @cached_property
    def key(self) -> str:
        """The content key of the reply, so that the same request is not paid for twice."""
        return key("rubric proposal", self.proposer, self.content)

    @cached_property
    def proposer(self) -> str:
        """The key under which the store keeps the model's replies."""
        return key("rubric proposer", identity(self.model, where=self.where))

    @property
    def messages(self) -> list[Message]:
        return [{"role": "user", "content": self.content}]


def prepare(
    plan: Plan,
    context: Context,
    judge: str | None = None,
    gold: str | None = None,
    model: str | None = None,
    *,
    pairs: int = PAIRS,
    first: float = FIRST_PART,
) -> Task:
    """Return the request for a proposal, from at most `pairs` disagreements. Calls no model.

    Raises InputError if the judge has no scores to compare or does not disagree with the gold.
    """
    current, config = find_current(plan, context, judge, gold), plan.config
    name = model or current.judge.settings.model
    if name is None or name not in config.pipeline.models:
        what = f"no model is called {name!r}" if name else f"judge {current.judge.name!r} has no model to ask"
        fix = did_you_mean(name, config.pipeline.models) if name else "Name one of `models` as --model NAME."
        raise InputError(what, where=config.file.where(("models",)), fix=fix)
    if current.judge.rewards:
        where = config.file.where(("judges", current.judge.name))
        raise InputError("a reward model has no wording to improve", where=where, fix="Name another judge as --judge NAME.")
    rows = [row for row in gold_pairs(plan, context, current) if in_first_part(row, first)]
    judged = [row for row in rows if row["outcome"] is not None]
    disagreements = [row for row in judged if row["outcome"] < 1]
    if not disagreements:
        raise _nothing_to_learn(context, current, len(rows), len(judged))
    chosen = choose(disagreements, pairs)
    counts = {"agreed": len(judged) - len(disagreements), "total": len(judged), "disagreements": len(disagreements)}
    template = Template(config.find(TEMPLATE, ()), VARIABLES, frozenset({"criteria", "pairs", "fence"}))
    return Task(
        current=current,
        name=name,
        model=config.pipeline.models[name],
        where=config.file.where(("models", name)),
        content=_render(context, current, template, config.pipeline.models[name], chosen, counts),
        pairs=len(judged),
        disagreements=len(disagreements),
        shown=len(chosen),
    )


def _nothing_to_learn(context: Context, current: CurrentRubric, ordered: int, judged: int) -> InputError:
    name, gold, config = current.judge.name, current.gold.name, context.config
    if not ordered:
        what, fix = f"{gold} orders no two responses in the first part of the prompts", "Label more prompts."
    elif not judged:
        what = f"{name} has judged none of the {ordered:,} pairs that {gold} orders in the first part of the prompts"
        fix = f"Run `{config.command('judge', '--judge', name)}` first."
    else:
        what = f"{name} agrees with {gold} on all {judged:,} pairs in the first part of the prompts"
        fix = "There is nothing to improve on these pairs; label more prompts."
    return InputError(what, where="rubric suggest", fix=fix)


def choose(disagreements: Sequence[Row], most: int) -> list[Row]:
    """Choose at most `most` pairs: of as many prompts as possible, opposite orders before ties, the rest by digest."""

    def order(row: Row) -> tuple[bool, str]:
        return row["outcome"] == 0, key("shown", row["a"], row["b"])

    seen: dict[str, int] = {}
    ranked = []
    for row in sorted(disagreements, key=order):
        seen[row["prompt"]] = place = seen.get(row["prompt"], -1) + 1
        ranked.append((place, *order(row), row))
    return [row for *_, row in sorted(ranked, key=lambda each: each[:3])][:most]


def _render(
    context: Context,
    current: CurrentRubric,
    template: Template,
    model: ModelConfig,
    chosen: Sequence[Row],
    counts: Mapping[str, int],
) -> str:
    answers = [row[side] for row in chosen for side in "ab"]
    texts = {row["answer"]: row for row in context.store.query("pipeline/sql/judge/texts", keys=answers)}
    scores = _scores(context, current, answers)
    special = token_pattern(special_tokens(path)) if (path := getattr(model, "path", None)) else NEVER
    shown = JudgeContext(current.judge.settings, current.judge.template, special=special)
    # The nonce is a digest of all that it fences.
    nonce = fence(key("rubric proposal", [texts[each]["text"] for each in answers], [scores[each] for each in answers]))

    def response(answer: str) -> dict[str, Any]:
        rows = [
            row | {"rationale": row["rationale"] and shorten(shown.shown(row["rationale"], nonce), MOST_RATIONALE)}
            for row in scores[answer]
        ]
        return {"text": shorten(shown.shown(texts[answer]["text"], nonce), MOST_TEXT), "scores": rows}

    pairs = []
    for row in chosen:
        better, worse = (row["a"], row["b"]) if row["lead"] > 0 else (row["b"], row["a"])
        prompt = shown.shown_prompt(stored(texts[better]), nonce)
        cut = {name: text and shorten(text, MOST_DOCUMENT) for name, text in prompt.items()}
        pairs.append(cut | {"preferred": response(better), "other": response(worse)})
    criteria = current.judge.rubric.criteria
    return template.render(
        criteria=[each.spec for each in criteria if isinstance(each, Scale)],
        others=[f"{each.name} ({each.kind})" for each in criteria if not isinstance(each, Scale)],
        pairs=pairs,
        fence=nonce,
        most=MOST_CRITERIA,
        low=LOW,
        high=HIGH,
        **counts,
    )


def _scores(context: Context, current: CurrentRubric, answers: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the judge's scores of each answer by criterion, in the rubric's order, with rationales."""
    rows = context.store.query(
        "SELECT answer, criterion, score, rationale FROM latest_scores WHERE judge = $judge AND score IS NOT NULL "
        "AND answer IN (SELECT unnest($answers::VARCHAR[]))",
        judge=current.judge.key,
        answers=list(answers),
    )
    given = {(row["answer"], row["criterion"]): row for row in rows}
    found: dict[str, list[dict[str, Any]]] = {}
    for answer in answers:
        found[answer] = []
        for each in current.judge.rubric.criteria:
            if row := given.get((answer, each.key)):
                low, high = (f"{end:g}" for end in each.range)
                score = {"name": each.name, "value": f"{float(row['score']):g}", "low": low, "high": high}
                found[answer].append(score | {"rationale": row["rationale"]})
    return found


def shorten(text: str, most: int) -> str:
    """Return a text of at most `most` characters, with a mark if it was longer."""
    return text if len(text) <= most else f"{text[:most]} […]"

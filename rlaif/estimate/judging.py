"""Estimate how often a judge will call its model, and with how many prompt tokens."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from rlaif.context.run import HeldOut
from rlaif.core.types import stored
from rlaif.estimate.judge_prompts import JudgePrompt, comparison_prompt, judgement_prompts, note_prompts
from rlaif.estimate.sample import ENOUGH, SAMPLE, mean, sample
from rlaif.estimate.token_counts import Counter
from rlaif.estimate.types import Asked, Pending, Range, exactly
from rlaif.judging import KINDS, Call
from rlaif.judging.judge import Judge
from rlaif.judging.multi_call import THINGS
from rlaif.judging.rubric import Compare
from rlaif.pipeline.pairwise import schedules
from rlaif.pipeline.stages import judge as judging
from rlaif.store.store import Row, Store, sql


@dataclass(frozen=True)
class Judging:
    """One judge on the responses of these generators (keys), compared only with those of the generator `against`, if given.

    `count` returns the tokens of a chat.
    """

    store: Store
    judge: Judge
    generators: Sequence[str]
    only: HeldOut
    count: Counter
    against: str | None = None

    @cached_property
    def calls(self) -> dict[int, Call]:
        """The judge's calls that need a model, by place."""
        return {place: call for place, call in enumerate(self.judge.calls) if KINDS[call.criteria[0].kind].NEEDS_MODEL}

    def pending(self, written: Sequence[Pending]) -> Asked:
        """Estimate the requests about stored responses that are not judged yet, and about those still to be `written`."""
        found = self._stored_judgements() + self._stored_comparisons()
        for each in (each for each in written if each.responses):
            units = dict.fromkeys(self.calls, each.responses * self.judge.settings.repeats)
            found += self._judgements(units, each.prompts, each.length, each.prompts_in_all)
            for criterion in self.judge.compared.values():
                comparisons = self._comparisons(criterion, each.responses / each.prompts_in_all)
                many = each.prompts_in_all * self.judge.settings.repeats * comparisons
                shown = [[comparison_prompt(self.judge, criterion, stored(row))] for row in each.prompts]
                found += self._asked(shown, each.length, round(many))
        return found

    def factor(self) -> tuple[float, int]:
        """Return the prompt tokens paid per estimated token, retries included, and the number of verdicts measured."""
        calls = {key: call for call in self.calls.values() for key in call.keys}
        paid, estimated, measured = 0.0, 0.0, 0
        for row in self.store.query("estimate/sql/verdicts", judge=self.judge.key, limit=SAMPLE):
            if compared := self.judge.compared.get(row["criterion"]):
                prompts = [comparison_prompt(self.judge, compared, stored(row))]
            elif call := calls.get(row["criterion"]):
                prompts = judgement_prompts(self.judge, call, stored(row), row["calls"] - 1)
            else:
                continue  # a criterion that the rubric no longer has
            estimated += self._asked([prompts], self._length(row["texts"]), 1).prompt_tokens.expected
            paid, measured = paid + row["prompt_tokens"], measured + 1
        return (paid / estimated, measured) if measured >= ENOUGH and estimated else (1.0, 0)

    def _stored_judgements(self) -> Asked:
        calls = [{"call": place, "criteria": call.keys} for place, call in self.calls.items()]
        wanted = judging.asked(self.judge, self.generators, self.only) | {"calls": calls}
        pending = self.store.rows(
            f"SELECT call, count(*) AS n FROM ({sql('pipeline/sql/judge/pending')}) GROUP BY call ORDER BY call", **wanted
        )
        rows = (
            sample(self.store, "pipeline/sql/judge/pending", "answer", "pipeline/sql/judge/texts", "answer", **wanted)
            if pending
            else []
        )
        units = {row["call"]: row["n"] for row in pending}
        return self._judgements(units, rows, self._length(row["text"] for row in rows))

    def _judgements(self, units: Mapping[int, int], rows: Sequence[Row], length: Range, most: int | None = None) -> Asked:
        """Estimate the requests of these numbers of units by call, given a sample of their prompts (at most `most`)."""
        found, judge = Asked(), self.judge
        for call, many in ((self.calls[place], many) for place, many in units.items()):
            claims = self._claims.get(call.keys[0], THINGS)
            found += self._asked([judgement_prompts(judge, call, stored(row), claims) for row in rows], length, many)
            # Notes are made once for all responses to a prompt.
            criterion = call.criteria[0]
            wanted = self.only.parameters | {"judge": judge.key, "criterion": criterion.key, "kind": criterion.kind}
            if criterion.kind in ("keypoints", "checklist"):
                noted = self.store.measure("estimate/sql/prompts_without_notes", "count(*)", **wanted)
                notes = sample(
                    self.store,
                    "estimate/sql/prompts_without_notes",
                    "prompt",
                    "pipeline/sql/generate/texts",
                    "prompt",
                    **wanted,
                )
                shown = [note_prompts(judge, criterion, stored(row)) for row in notes]
                found += self._asked(shown, Range(), min(noted, noted if most is None else most))
        return found

    def _stored_comparisons(self) -> Asked:
        """Estimate the requests of pending comparisons, including the rounds of a knock-out that are not scheduled yet."""
        judge, generators = self.judge, [*self.generators, self.against] if self.against else self.generators
        wanted = judging.asked(judge, generators, self.only, self.against)
        wanted |= {"criteria": schedules(judge.compared.values())}
        if not judge.compared or not (units := self.store.measure("estimate/sql/comparisons", "sum(comparisons)", **wanted)):
            return Asked()
        rows = sample(
            self.store,
            "pipeline/sql/pairwise/pending",
            "prompt, first, second, criterion",
            "pipeline/sql/pairwise/texts",
            "prompt",
            **wanted,
        )
        length = self._length(row["texts"][row[side]] for row in rows for side in ("first", "second"))
        shown = [[comparison_prompt(judge, judge.compared[row["criterion"]], stored(row))] for row in rows]
        return self._asked(shown, length, units)

    def _comparisons(self, criterion: Compare, responses: float) -> float:
        """Return how many comparisons a prompt takes with this many responses of each generator, as if it had no others."""
        if self.against:
            return 0 if list(self.generators) == [self.against] else 2 * responses**2
        return (responses - 1) * (2 if criterion.schedule == "knock_out" else responses)

    @cached_property
    def _claims(self) -> dict[str, float]:
        """The mean number of claims that the judge has found in a response, by criterion."""
        rows = self.store.query("estimate/sql/counts", judge=self.judge.key, enough=ENOUGH)
        return {row["criterion"]: row["things"] for row in rows}

    def _asked(self, shown: Sequence[Sequence[JudgePrompt]], response: Range, units: int) -> Asked:
        """Estimate the requests of `units` units about responses of this length, given the prompts of a sample of them."""
        asks = mean(sum(each.times for each in prompts) for prompts in shown)
        text = mean(sum(each.times * self._tokens(each.text) for each in prompts) for prompts in shown)
        responses = mean(sum(each.times * each.responses for each in prompts) for prompts in shown)
        return Asked(asks * units, (exactly(text) + response * responses) * units)

    def _length(self, texts: Iterable[str]) -> Range:
        return exactly(mean(map(self._tokens, texts)))

    def _tokens(self, text: str) -> float:
        return self.count([{"role": "user", "content": text}])

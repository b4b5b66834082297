"""How often a judge is going to ask its model, and with how many prompt tokens."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from rlaif.comparing import schedules
from rlaif.context import HeldOut
from rlaif.judges import KINDS, Call
from rlaif.judges.dialogue import THINGS
from rlaif.judges.named import Judge
from rlaif.plan.count import Counter
from rlaif.plan.judge_prompts import JudgePrompt, comparison_prompt, judgement_prompts, note_prompts
from rlaif.plan.lines import Asked, Pending, Range, exactly
from rlaif.plan.sample import ENOUGH, SAMPLE, mean, sample
from rlaif.records import stored
from rlaif.rubric import Compare
from rlaif.stages import judge as judging
from rlaif.store import Row, Store


@dataclass(frozen=True)
class Judging:
    """One judge on these generators' responses (keys), compared only with those of `against`, if that is a generator.

    `count` gives the tokens of a chat.
    """

    store: Store
    judge: Judge
    generators: Sequence[str]
    only: HeldOut
    count: Counter
    against: str | None = None

    @cached_property
    def calls(self) -> dict[int, Call]:
        """The calls that ask a model."""
        return {place: call for place, call in enumerate(self.judge.calls) if KINDS[call.criteria[0].kind].NEEDS_MODEL}

    def pending(self, written: Sequence[Pending]) -> Asked:
        """What the judge asks about stored responses that it has not judged yet, and about those still to be `written`."""
        found = self._stored_judgements() + self._stored_comparisons()
        for each in written:
            if each.responses:
                found += self._new_judgements(each) + self._new_comparisons(each)
        return found

    def factor(self) -> tuple[float, int]:
        """Prompt tokens paid for each that is estimated here, second tries included, and the number of verdicts measured."""
        calls = {key: call for call in self.calls.values() for key in call.keys}
        paid, estimated, measured = 0.0, 0.0, 0
        for row in self.store.query("plan/verdicts", judge=self.judge.key, limit=SAMPLE):
            if compared := self.judge.compared.get(row["criterion"]):
                prompts = [comparison_prompt(self.judge, compared, stored(row))]
            elif call := calls.get(row["criterion"]):
                prompts = judgement_prompts(self.judge, call, stored(row), row["calls"] - 1)
            else:
                continue  # a criterion that the rubric no longer has
            estimated += self._text_tokens(prompts) + _responses(prompts) * mean(map(self._tokens, row["texts"]))
            paid, measured = paid + row["prompt_tokens"], measured + 1
        return (paid / estimated, measured) if measured >= ENOUGH and estimated else (1.0, 0)

    def _stored_judgements(self) -> Asked:
        calls = [{"call": place, "criteria": call.keys} for place, call in self.calls.items()]
        wanted = judging.asked(self.judge, self.generators, self.only) | {"calls": calls}
        if not (units := self.store.measure("judge/owed", "count(*)", **wanted)):
            return Asked()
        rows = sample(self.store, "judge/owed", "answer, call", "judge/texts", "answer", **wanted)
        response = exactly(mean(self._tokens(row["text"]) for row in rows))
        found = self._asked([self._judgement(self.calls[row["call"]], row) for row in rows], response, units)
        return found + self._notes([self.calls[place] for place in {row["call"] for row in rows}])

    def _new_judgements(self, written: Pending) -> Asked:
        found, units = (
            self._notes(self.calls.values(), written.prompts_in_all),
            written.responses * self.judge.settings.repeats,
        )
        for call in self.calls.values():
            found += self._asked([self._judgement(call, row) for row in written.prompts], written.length, units)
        return found

    def _stored_comparisons(self) -> Asked:
        """Of a knock-out, also the rounds whose pairs are not known yet."""
        generators = [*self.generators, self.against] if self.against else self.generators
        wanted = judging.asked(self.judge, generators, self.only, self.against)
        wanted |= {"criteria": schedules(self.judge.compared.values())}
        units = self.store.measure("plan/comparisons", "sum(comparisons)", **wanted) if self.judge.compared else 0
        if not units:
            return Asked()
        rows = sample(self.store, "compare/owed", "prompt, first, second, criterion", "compare/texts", "prompt", **wanted)
        response = exactly(mean(self._tokens(row["texts"][row[side]]) for row in rows for side in ("first", "second")))
        shown = [[comparison_prompt(self.judge, self.judge.compared[row["criterion"]], stored(row))] for row in rows]
        return self._asked(shown, response, units)

    def _new_comparisons(self, written: Pending) -> Asked:
        """As if prompts had no other responses, except as many of `against` as they have of the generator's."""
        found = Asked()
        for criterion in self.judge.compared.values():
            each = self._comparisons(criterion, written.responses / written.prompts_in_all)
            units = written.prompts_in_all * self.judge.settings.repeats * each
            shown = [[comparison_prompt(self.judge, criterion, stored(row))] for row in written.prompts]
            found += self._asked(shown, written.length, round(units))
        return found

    def _comparisons(self, criterion: Compare, responses: float) -> float:
        """How many comparisons a prompt takes with this many responses of each generator."""
        if self.against:
            return 0 if list(self.generators) == [self.against] else 2 * responses**2
        return (responses - 1) * (2 if criterion.schedule == "knock_out" else responses)

    def _judgement(self, call: Call, row: Row) -> list[JudgePrompt]:
        return judgement_prompts(self.judge, call, stored(row), self._claims.get(call.keys[0], THINGS))

    def _notes(self, calls: Iterable[Call], most: int | None = None) -> Asked:
        """What is asked once for all responses to a prompt, of `most` prompts at most."""
        found = Asked()
        for criterion in (call.criteria[0] for call in calls):
            if criterion.kind not in ("keypoints", "checklist"):
                continue
            wanted = self.only.parameters | {"judge": self.judge.key, "criterion": criterion.key, "kind": criterion.kind}
            units = self.store.measure("plan/unnoted", "count(*)", **wanted)
            rows = sample(self.store, "plan/unnoted", "prompt", "generate/texts", "prompt", **wanted)
            shown = [note_prompts(self.judge, criterion, stored(row)) for row in rows]
            found += self._asked(shown, Range(), units if most is None else min(units, most))
        return found

    @cached_property
    def _claims(self) -> dict[str, float]:
        """How many claims the judge has found in a response, by criterion."""
        rows = self.store.query("plan/things", judge=self.judge.key, enough=ENOUGH)
        return {row["criterion"]: row["things"] for row in rows}

    def _asked(self, shown: Sequence[Sequence[JudgePrompt]], response: Range, units: int) -> Asked:
        """What `units` judgements ask, given the prompts of a sample of them, about responses of that length."""
        asks = mean(sum(each.times for each in prompts) for prompts in shown)
        text, responses = mean(map(self._text_tokens, shown)), mean(map(_responses, shown))
        return Asked(asks * units, (exactly(text) + response * responses) * units)

    def _text_tokens(self, prompts: Sequence[JudgePrompt]) -> float:
        return sum(each.times * self._tokens(each.text) for each in prompts)

    def _tokens(self, text: str) -> float:
        return self.count([{"role": "user", "content": text}])


def _responses(prompts: Sequence[JudgePrompt]) -> float:
    """How many responses these prompts show."""
    return sum(each.times * each.responses for each in prompts)

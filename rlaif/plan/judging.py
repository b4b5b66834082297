"""What a judge is going to ask: of responses that are there, of those still to be written, and once for each prompt."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from rlaif.context import HeldOut
from rlaif.judges import KINDS, Call
from rlaif.judges.dialogue import THINGS
from rlaif.judges.named import Judge
from rlaif.models.ask import Ask
from rlaif.plan.count import Counter
from rlaif.plan.lines import Asked, Pending, Range
from rlaif.plan.rehearse import Rehearsal, rehearse
from rlaif.plan.sample import ENOUGH, SAMPLE, mean, sample
from rlaif.records import fraction
from rlaif.stages import judge as judging
from rlaif.store import Row, Store

# In the place of a response that is not written yet. Asks that show it are longer by the response.
UNWRITTEN: Final = "∎"


@dataclass(frozen=True)
class Judging:
    """One judge on these generators' responses (keys), compared only with those of `against`, where that is a generator.

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
        """Those that ask a model."""
        return {place: call for place, call in enumerate(self.judge.calls) if KINDS[call.criteria[0].kind].NEEDS_MODEL}

    @cached_property
    def _wanted(self) -> dict[str, Any]:
        calls = [{"call": place, "criteria": call.keys} for place, call in self.calls.items()]
        return judging.asked(self.judge, self.generators, self.only) | {"calls": calls}

    @cached_property
    def _things(self) -> dict[str, float]:
        rows = self.store.query("plan/things", judge=self.judge.key, enough=ENOUGH)
        return {row["criterion"]: row["things"] for row in rows}

    def owed(self) -> Asked:
        """Of responses that are there."""
        if not (units := self.store.measure("judge/owed", "count(*)", **self._wanted)):
            return Asked()
        rows = sample(self.store, "judge/owed", "answer, call", "judge/texts", "answer", **self._wanted)
        each = [self._rehearsed(self.calls[row["call"]], row, row["text"]) for row in rows]
        together = self.scaled([rehearsal.asks for rehearsal in each], Range(), units)
        for place in {row["call"] for row, rehearsal in zip(rows, each, strict=True) if rehearsal.noted}:
            together += self._notes_owed(self.calls[place])
        return together

    def pending(self, pending: Pending) -> Asked:
        """Of responses still to be written."""
        together, units = Asked(), pending.responses * self.judge.settings.repeats
        for call in self.calls.values():
            each = [self._rehearsed(call, row, UNWRITTEN) for row in pending.prompts]
            together += self.scaled([rehearsal.asks for rehearsal in each], pending.length, units)
            if any(rehearsal.noted for rehearsal in each):
                known = self._noted(call, pending)
                noted = [[] if row["prompt"] in known else rehearsal.noted
                         for row, rehearsal in zip(pending.prompts, each, strict=True)]  # fmt: skip
                together += self.scaled(noted, Range(), pending.prompts_in_all)
        return together

    def paid_for_each(self) -> tuple[float, int]:
        """How many prompt tokens were paid for each that is counted here, and on how many answers that was seen.

        A judge's second tries at a verdict count too.
        """
        rows = self.store.query("plan/verdicts", judge=self.judge.key, limit=SAMPLE)
        counted = sum(
            self._tokens(self._rehearsed(call, row, row["text"]).asks)[0] * row["verdicts"] / len(self.calls)
            for row in rows
            for call in self.calls.values()
        )
        paid = sum(row["prompt_tokens"] for row in rows)
        return (paid / counted, len(rows)) if len(rows) >= ENOUGH and paid and counted else (1.0, 0)

    def _notes_owed(self, call: Call) -> Asked:
        wanted = self._wanted | {"criterion": call.keys[0]}
        rows = sample(self.store, "plan/unnoted", "prompt", "generate/texts", "prompt", **wanted)
        each = [self._rehearsed(call, row, "").noted for row in rows]
        return self.scaled(each, Range(), self.store.measure("plan/unnoted", "count(*)", **wanted))

    def _noted(self, call: Call, pending: Pending) -> set[str]:
        """The prompts that need no note any more, or whose note is counted with what is owed."""
        prompts = [row["prompt"] for row in pending.prompts]
        wanted = {
            "judge": self.judge.key,
            "criterion": call.keys[0],
            "generators": list(self.generators),
            "prompts": prompts,
        }
        return {row["prompt"] for row in self.store.query("plan/noted", **wanted)}

    def _rehearsed(self, call: Call, row: Row, text: str) -> Rehearsal:
        return rehearse(self.judge, call, row, text, self._guessed(call, row, text))

    def _guessed(self, call: Call, row: Row, text: str) -> int:
        """The mean, to the integer above or below as if by lot."""
        return math.floor(self._things.get(call.keys[0], THINGS) + fraction("things", row["prompt"], text))

    def scaled(self, rehearsed: Sequence[Sequence[Ask]], response: Range, units: int) -> Asked:
        """What is asked in `units` such units, where an ask may show responses of that length beside what is counted."""
        each = [self._tokens(asks) for asks in rehearsed]
        tokens = mean(tokens for tokens, _ in each)
        showing = mean(showing for _, showing in each)
        prompt = Range(tokens, tokens, tokens) + response * showing
        return Asked(mean(map(len, rehearsed)) * units, prompt * units)

    def _tokens(self, asks: Iterable[Ask]) -> tuple[float, int]:
        """Tokens of these asks, and how many responses they are to show that are not written yet."""
        shown = [ask.messages for ask in asks]
        return sum(map(self.count, shown)), sum(turns[-1]["content"].count(UNWRITTEN) for turns in shown)

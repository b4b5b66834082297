"""What a judge is going to compare: of responses that are there, and of those still to be written."""

from rlaif import loop
from rlaif.comparing import schedules
from rlaif.judges import Bench, Subject
from rlaif.judges.compare import compare
from rlaif.judges.named import Judge
from rlaif.models.ask import Ask
from rlaif.plan.judging import UNWRITTEN, Judging
from rlaif.plan.lines import Asked, Pending, Range
from rlaif.plan.rehearse import Rehearsal
from rlaif.plan.sample import sample
from rlaif.records import stored
from rlaif.rubric import Compare
from rlaif.stages import judge as stage
from rlaif.store import Row


def owed(judging: Judging) -> Asked:
    """Of responses that are there; of a knock-out also the rounds whose pairs are not known yet."""
    judge, store = judging.judge, judging.store
    generators = [*judging.generators, judging.against] if judging.against else judging.generators
    asked = stage.asked(judge, generators, judging.only, judging.against)
    wanted = asked | {"criteria": schedules(judge.compared.values())}
    units = store.measure("plan/comparisons", "sum(comparisons)", **wanted) if judge.compared else 0
    if not units:
        return Asked()
    rows = sample(store, "compare/owed", "prompt, first, second, criterion", "compare/texts", "prompt", **wanted)
    shown = [
        asks(judge, row, row["texts"][row["first"]], row["texts"][row["second"]], judge.compared[row["criterion"]])
        for row in rows
    ]
    return judging.scaled(shown, Range(), units)


def pending(judging: Judging, written: Pending) -> Asked:
    """Of responses still to be written, as if their prompts had no others; but as many of the generator's that they meet."""
    judge, prompts = judging.judge, written.prompts_in_all
    together = Asked()
    for criterion in judge.compared.values() if written.responses else ():
        each = written.responses / prompts
        units = prompts * judge.settings.repeats * _orders(judging, criterion, each)
        asked = [asks(judge, row, UNWRITTEN, UNWRITTEN, criterion) for row in written.prompts]
        together += judging.scaled(asked, written.length, round(units))
    return together


def _orders(judging: Judging, criterion: Compare, each: float) -> float:
    """How many comparisons a prompt with so many responses of each generator is for."""
    if judging.against:
        return 0 if list(judging.generators) == [judging.against] else 2 * each * each
    return (each - 1) * (2 if criterion.schedule == "knock_out" else each)


def asks(judge: Judge, row: Row, first: str, second: str, criterion: Compare) -> list[Ask]:
    """What a comparison of these two, as responses to the prompt in `row`, would ask."""
    rehearsal = Rehearsal(0)
    bench = Bench(judge.settings, judge.template, rehearsal, templates=judge.templates)
    prompt = stored(row)
    loop.run(compare(Subject(prompt, first), Subject(prompt, second), criterion, 0, bench))
    return rehearsal.asks

"""Make the training examples of the tiny models: prompts and answers, always newly sampled from the tiny world."""

import json
import random
from dataclasses import dataclass, replace

from rlaif.demo import ground_truth
from rlaif.demo.world import DOMAINS, NAMES, NUMBERS, WORDINGS, Case, Fact, Form, case, layout, value

CRITERIA = ("faithfulness", "completeness", "helpfulness")
VERDICTS = ("ok", "wrong", "there", "missing", "needed", "extra")
LOW, HIGH = 1, 5
FIELDS = tuple(dict.fromkeys(field for domain in DOMAINS.values() for field in domain.fields))
WORDS = FIELDS + NAMES + NUMBERS


@dataclass(frozen=True)
class Example:
    """A training example: the prompt, and the answer that the model should give."""

    prompt: str
    answer: str


@dataclass(frozen=True)
class Flaws:
    """The probability of each flaw: a needed fact dropped, an unneeded one added, a value corrupted, the wrong form."""

    drop: float
    add: float
    corrupt: float
    misform: float


# Half of the demonstrations are careless and half nearly careful, so that samples of one prompt differ in quality;
# even so the right token is the likeliest one at every step, which is what preference training can bring out.
CARELESS = Flaws(drop=0.3, add=0.5, corrupt=0.42, misform=0.3)
CAREFUL = Flaws(drop=0.08, add=0.1, corrupt=0.1, misform=0.06)
# The judge sees far more errors than it will meet: with few, it learns to say "ok" without looking.
HARSH = Flaws(drop=0.35, add=0.35, corrupt=0.55, misform=0.3)
FALSE = Flaws(drop=0.35, add=0.2, corrupt=1, misform=0.3)
NONE = Flaws(0, 0, 0, 0)


def writing(document: str, request: str) -> str:
    """Return the writer's prompt, as prompts/generate/compact.jinja renders it."""
    return f"{document}\n{request}"


def judging(document: str, request: str, response: str, criterion: str, fence: str, prompt_fence: str) -> str:
    """Return the judge's prompt, as prompts/judge/compact.jinja renders it."""
    given = f"{prompt_fence}\n{document}\n{request}\n{prompt_fence}"
    return f"{given}\nAnswer {fence}\n{response}\nEnd {fence}\nRate {criterion} {LOW} to {HIGH}."


def flawed(drawn: Case, flaws: Flaws, rng: random.Random) -> tuple[list[Fact], Form]:
    """Return the facts and the form of a flawed answer to a case."""
    fields = [field for field in drawn.needed if rng.random() >= flaws.drop] or [drawn.needed[0]]
    spare = [field for field in drawn.domain.fields if field not in drawn.needed]
    for _ in range(2):
        if rng.random() < flaws.add:
            fields.insert(rng.randint(0, len(fields)), spare.pop(rng.randrange(len(spare))))
    facts = [(f, _corrupted(drawn, f, rng) if rng.random() < flaws.corrupt else drawn.facts[f]) for f in fields]
    other: Form = "line" if drawn.form == "list" else "list"
    return facts, other if rng.random() < flaws.misform else drawn.form


def demonstration(rng: random.Random) -> Example:
    """Make an example for the writer: an imperfect answer."""
    drawn = case(rng)
    answer = layout(*flawed(drawn, rng.choice([CARELESS, CAREFUL]), rng))
    return Example(writing(drawn.document, drawn.request), answer)


def judgement(rng: random.Random) -> Example:
    """Make an example for the judge: an answer of any quality, and the verdict that follows from the oracle's truth."""
    drawn = case(rng)
    return _judged(drawn, _response(drawn, rng), rng.choices(CRITERIA, (4, 2, 3))[0], rng)


def refutation(rng: random.Random) -> Example:
    """Make a verdict on an answer in which every value is false.

    If most values agreed, quoting the answer twice would be nearly right, and the judge would not look at the document.
    """
    drawn = case(rng)
    facts, form = flawed(drawn, FALSE, rng)
    rng.shuffle(facts)
    return _judged(drawn, layout(facts, form), "faithfulness", rng)


def note(rng: random.Random) -> Example:
    """Make a perfect answer, from which the judge and the untrained writer learn to read the world."""
    drawn = case(rng)
    return Example(writing(drawn.document, drawn.request), layout(*flawed(drawn, NONE, rng)))


def echo(rng: random.Random) -> Example:
    """Make a few words of the world in random order, to be repeated twice: both models depend on copying.

    The strings are short, because among few words the right one is soon found by chance; with forty words, learning takes
    ten times longer.
    """
    text = "".join(f" {word}" for word in rng.sample(WORDS, rng.randint(3, 8)))
    return Example(text, text + text)


def long_echo(rng: random.Random) -> Example:
    """Make an `echo` with as many words as documents and answers have."""
    text = "".join(f" {word}" for word in rng.sample(WORDS, rng.randint(8, 24)))
    return Example(text, text)


def lookup(rng: random.Random) -> Example:
    """Ask for facts of a document in a different order: finding a field's value is the second skill to learn."""
    drawn = case(rng)
    kept = dict(list(drawn.facts.items())[: rng.randint(2, 8)])
    fields = rng.sample(list(kept), len(kept))
    return Example(
        f"{replace(drawn, facts=kept).document}\nSay " + ", ".join(fields) + ".",
        layout([(field, kept[field]) for field in fields], drawn.form),
    )


def weighing(rng: random.Random) -> Example:
    """Compare random values side by side, half of them equal: the last skill that a judge of faithfulness needs.

    From whole judgements alone, this would be learned late and by luck, because the more common verdict is often right.
    """
    rows = [_values(field, rng) for field in rng.sample(FIELDS, rng.randint(2, 7))]
    stated = [f"{field} {value}" for field, value, _ in rows]
    true = [f"{field} {value}" for field, _, value in rows]
    said = [f"{a} vs {b} {'ok' if a == b else 'wrong'}" for a, b in zip(stated, true, strict=True)]
    return Example(f"{'; '.join(rng.sample(true, len(true)))}.\n{'; '.join(stated)}", "; ".join(said))


def verdict(document: str, request: str, response: str, criterion: str) -> str:
    """Return the judge's answer: compact JSON whose rationale checks each part before the score."""
    asked = ground_truth.brief(document, request)
    stated = ground_truth.parts(response, asked.facts)
    mark = getattr(ground_truth.marks(document, request, response), criterion)
    findings = _FINDINGS[criterion](asked, stated, ground_truth.form(response)) if stated else ["nothing stated"]
    return json.dumps({"rationale": "; ".join(findings), "score": score(mark)}, separators=(",", ":"))


def score(mark: float) -> int:
    """Convert a mark from 0 to 100 to an integer score from 1 to 5; halves are rounded up."""
    return LOW + int((HIGH - LOW) * mark / 100 + 0.5)


def _judged(drawn: Case, response: str, criterion: str, rng: random.Random) -> Example:
    fence, prompt_fence = (f"{rng.getrandbits(64):016x}" for _ in range(2))
    shown = judging(drawn.document, drawn.request, response, criterion, fence, prompt_fence)
    return Example(shown, verdict(drawn.document, drawn.request, response, criterion))


def _faithfulness(asked: ground_truth.Brief, stated: list[ground_truth.Part], given: str) -> list[str]:
    good = [ground_truth.agrees(part, asked.facts) for part in stated]
    return [_compared(part, asked.facts, right) for part, right in zip(stated, good, strict=True)] + [_count(good)]


def _completeness(asked: ground_truth.Brief, stated: list[ground_truth.Part], given: str) -> list[str]:
    told = {part.field for part in stated}
    there = [field in told for field in asked.needed]
    words = [f"{f} {'there' if here else 'missing'}" for f, here in zip(asked.needed, there, strict=True)]
    return [*words, _count(there)]


def _helpfulness(asked: ground_truth.Brief, stated: list[ground_truth.Part], given: str) -> list[str]:
    wanted = ground_truth.wanted(stated, asked.needed)
    words = [f"{p.field or 'unclear'} {'needed' if want else 'extra'}" for p, want in zip(stated, wanted, strict=True)]
    form = f"form {asked.form} vs {given} {'ok' if given == asked.form else 'wrong'}"
    return ["needs " + " ".join(asked.needed), form, *words, _count(wanted)]


_FINDINGS = {"faithfulness": _faithfulness, "completeness": _completeness, "helpfulness": _helpfulness}


def _compared(part: ground_truth.Part, facts: dict[str, str], right: bool) -> str:
    if part.field is None:
        return "unclear wrong"
    return f"{part.field} {part.value} vs {part.field} {facts[part.field]} {'ok' if right else 'wrong'}"


def _count(flags: list[bool]) -> str:
    return f"{sum(flags)} of {len(flags)}"


def _values(field: str, rng: random.Random) -> tuple[str, str, str]:
    stated, other = rng.sample(NAMES + NUMBERS, 2)
    return field, stated, rng.choice([stated, other])


def _corrupted(drawn: Case, field: str, rng: random.Random) -> str:
    """Return a wrong value of the right kind: often another value of the document, else a random one."""
    kind = drawn.domain.named if field in drawn.domain.named else drawn.domain.counted
    near = [drawn.facts[other] for other in kind if drawn.facts[other] != drawn.facts[field]]
    if near and rng.random() < 0.4:
        return rng.choice(near)
    while (drawn_value := value(drawn.domain, field, rng)) == drawn.facts[field]:
        pass
    return drawn_value


def _response(drawn: Case, rng: random.Random) -> str:
    flaws = rng.choices([HARSH, CARELESS, CAREFUL, NONE], (55, 15, 10, 10))[0] if rng.random() < 0.92 else None
    if flaws is None:
        return _garbage(drawn, rng)
    facts, form = flawed(drawn, flaws, rng)
    if rng.random() < 0.3:
        rng.shuffle(facts)
    while rng.random() < 0.2:
        facts.insert(rng.randint(0, len(facts)), _again(drawn, rng.choice(facts)[0], rng))
    if rng.random() < 0.1:
        facts[rng.randrange(len(facts))] = _mangled(rng.choice(facts), rng)
    return layout(facts, form)


def _again(drawn: Case, field: str, rng: random.Random) -> Fact:
    """Return a repeated field, as writers produce when they lose the thread, with a true or a false value."""
    return field, drawn.facts[field] if rng.random() < 0.5 else _corrupted(drawn, field, rng)


def _mangled(fact: Fact, rng: random.Random) -> Fact:
    """Return a fact as sampling corrupts it when one of its tokens is wrong."""
    (field, value), stray = fact, rng.choice(WORDS)
    astray = [(field + stray, value), (field, stray), (field, f"{value} {stray}"), (f"{field} {stray}", value)]
    return rng.choice([*astray, (value, field), (field + rng.choice(FIELDS), "")])


def _garbage(drawn: Case, rng: random.Random) -> str:
    """Return text that a broken or hostile writer might send."""
    facts, form = flawed(drawn, HARSH, rng)
    good = layout(facts, form)
    stray = [(rng.choice(FIELDS), rng.choice(NAMES + NUMBERS)) for _ in range(rng.randint(1, 4))]
    words = " ".join(rng.choices(WORDS, k=rng.randint(1, 12)))
    noise = "".join(chr(rng.randint(33, 126)) for _ in range(rng.randint(1, 12)))
    mixed = "\n".join(layout([fact], rng.choice(list(WORDINGS))) for fact in facts)
    kinds = ["", ".", words, noise, mixed, layout(stray, form), layout(facts + stray[:1], form)]
    kinds += [f"Here is the note:\n{good}", f"{good}\nRate {rng.choice(CRITERIA)} {HIGH}.", good.replace(";", ",")]
    return rng.choice(kinds)

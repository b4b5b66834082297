"""Kind `compare`: a model is shown two responses to one prompt and says which is better, or that it is a tie.

One order alone tells as much about the order as about the responses (Zheng et al. 2023, arXiv 2306.05685), so every two
are shown in both. Where the judge gives log-probabilities, the word's own make a soft preference (Lee et al. 2023, RLAIF).
"""

from collections.abc import Sequence

from rlaif.config import JudgeSpec
from rlaif.errors import ModelError
from rlaif.judges.bench import Bench, Subject
from rlaif.judges.dialogue import Dialogue
from rlaif.judges.scale import TOP_LOGPROBS, conversation
from rlaif.records import Comparison, Verdict, key
from rlaif.rubric import Compare
from rlaif.template import defuse, fence
from rlaif.verdict import TEXT, Fields, word_shares

NEEDS_MODEL = True
TEMPLATES = {
    "compare": frozenset({"document", "request", "reference", "first", "second", "first_fence", "second_fence", "criterion"})
}
# What each word is worth to the response that is shown first.
WORTH = {"first": 1.0, "second": 0.0, "tie": 0.5}
FIELDS: Fields = {"rationale": TEXT, "better": tuple(WORTH)}


def calls(criteria: Sequence[Compare], spec: JudgeSpec) -> list[list[Compare]]:
    """None: no response is compared alone."""
    return []


async def compare(first: Subject, second: Subject, criterion: Compare, repeat: int, bench: Bench) -> Verdict:
    """Shows both in this order. A failed comparison has a kind and no preference. Raises ModelError only for fatal kinds."""
    top = TOP_LOGPROBS if bench.spec.logprobs else None
    dialogue = Dialogue(bench, first.answer, second.answer, criterion.key, repeat, top=top)
    failure = detail = None
    try:
        comparison = await _compared(first, second, criterion, dialogue)
    except ModelError as error:
        if error.fatal:
            raise
        failure, detail = error.kind, str(error)
        comparison = Comparison(failure=failure)
    return Verdict(
        raw=dialogue.raw, failure=failure, detail=detail, calls=len(dialogue.replies), comparison=comparison,
        prompt_tokens=dialogue.prompt_tokens, output_tokens=dialogue.output_tokens,
    )  # fmt: skip


async def _compared(first: Subject, second: Subject, criterion: Compare, dialogue: Dialogue) -> Comparison:
    prompt = first.prompt
    both = key("two", first.answer, second.answer)
    reply = await dialogue.ask(
        "compare", FIELDS,
        document=None if prompt.document is None else defuse(prompt.document),
        reference=None if prompt.reference is None else defuse(prompt.reference),
        request=defuse(conversation(first)), first=defuse(first.text), second=defuse(second.text),
        # Digests of both texts, so that neither response can know its own fence or the other's.
        first_fence=fence(key("first", both)), second_fence=fence(key("second", both)), criterion=criterion.spec,
    )  # fmt: skip
    shares = word_shares(dialogue.replies[-1], dialogue.tokens, "better", tuple(WORTH))
    probability = sum(WORTH[word] * share for word, share in shares.items()) if shares else None
    return Comparison(reply["better"], probability, reply["rationale"])

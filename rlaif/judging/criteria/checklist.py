"""Kind `checklist`: yes-or-no items for the request, combined as a weighted sum.

The items come with the prompt, or the judge writes them once per prompt. Rubrics as Rewards (Gunjal et al. 2025,
arXiv 2507.17746): value = sum(weights of the items met) / sum(weights). A response meets a pitfall by avoiding it, so the
value stays between 0 and 1.
"""

from collections.abc import Sequence

from rlaif.core.types import CHECKLIST, Verdict
from rlaif.judging.context import Candidate, JudgeContext, Note
from rlaif.judging.multi_call import Counted, Dialogue, judged, noted, texts_of
from rlaif.judging.parsing import TEXTS
from rlaif.judging.rubric import Checklist

NEEDS_MODEL = True
TEMPLATES = {
    "checklist": frozenset({"document", "request", "reference", "prompt_fence"}),
    "checked": frozenset({"document", "texts", "request", "prompt_fence", "response", "fence"}),
}
NONE = "the checklist is empty"


async def judge(subject: Candidate, criteria: Sequence[Checklist], repeat: int, judge_context: JudgeContext) -> Verdict:
    """Let the judge write the prompt's items if it has none yet, and decide for each whether the response meets it."""
    criterion = criteria[0]

    async def work(dialogue: Dialogue) -> list[Counted]:
        items = subject.prompt.checklist or texts_of(
            await judge_context.once(subject.prompt, criterion.key, lambda: _note(subject, criterion, judge_context))
        )
        parts = [item.split(": ", 1) for item in items]
        words = await dialogue.request_each("checked", [text for _, text in parts], ("yes", "no"), subject)
        return [
            Counted(item, word, word == ("no" if weight == "pitfall" else "yes"), CHECKLIST[weight])
            for item, (weight, _), word in zip(items, parts, words, strict=True)
        ]

    return await judged(subject, criterion, repeat, judge_context, NONE, work)


async def _note(subject: Candidate, criterion: Checklist, judge_context: JudgeContext) -> Note:
    prompt = subject.prompt

    async def work(dialogue: Dialogue) -> list[str]:
        reply = await dialogue.request(
            "checklist",
            dict.fromkeys(CHECKLIST, TEXTS),
            prompt_fence=subject.prompt_fence,
            **judge_context.shown_prompt(prompt, subject.prompt_fence),
        )
        return [f"{weight}: {text}" for weight in CHECKLIST for text in reply[weight]]

    return await noted(Dialogue(judge_context, prompt.key, criterion.key), work)

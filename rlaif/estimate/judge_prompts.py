"""The prompts that a judge will send about one response, by kind of criterion, without the response itself.

They need not be exact: once a few judgements are stored, the estimate is scaled to the tokens that those took.
"""

import re
from dataclasses import dataclass
from typing import Any

from rlaif.config.templates import Template
from rlaif.core.types import Prompt
from rlaif.judging import Call, Candidate, JudgeContext
from rlaif.judging.criteria.scale import render
from rlaif.judging.judge import Judge
from rlaif.judging.multi_call import THINGS
from rlaif.judging.retrieval import chunks
from rlaif.judging.rubric import Compare

# A placeholder for a list item (a claim, a key point, a checklist item) that is not written yet.
ITEM = "It states one thing that a response can meet or miss.\n"
_TAGS = re.compile(r"\{[{%#].*?[}%#]\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class JudgePrompt:
    """A prompt that is sent `times` times, each time with its `text` and this number of `responses`."""

    text: str
    times: float = 1.0
    responses: int = 0


def judgement_prompts(judge: Judge, call: Call, prompt: Prompt, claims: float = THINGS) -> list[JudgePrompt]:
    """Return the prompts of one judgement; `claims` is the number of claims that the judge finds in a response."""
    criterion, request = call.criteria[0], _conversation(prompt)
    match criterion.kind:
        case "scale":
            return [
                JudgePrompt(render(Candidate(prompt, ""), call.criteria, JudgeContext(judge.settings, judge.template)), 1, 1)
            ]
        case "claims":
            words = (prompt.document or "").split()[: criterion.chunks * criterion.chunk_words]
            check = _text(judge.templates["support"], " ".join(words), ITEM)
            return [JudgePrompt(_text(judge.templates["claims"], request), 1, 1), JudgePrompt(check, claims)]
        case "keypoints":
            return [JudgePrompt(_text(judge.templates["coverage"], request, ITEM * THINGS), 1, 1)]
        case "checklist":
            items = "\n".join(prompt.checklist) or ITEM * THINGS
            return [JudgePrompt(_text(judge.templates["checked"], prompt.document, request, items), 1, 1)]
    return [JudgePrompt(_text(judge.templates[criterion.kind], prompt.document, request), 1, 1)]


def note_prompts(judge: Judge, criterion: Any, prompt: Prompt) -> list[JudgePrompt]:
    """Return the prompts that are sent once for all responses to a prompt: for its key points, or its checklist."""
    request = _conversation(prompt)
    if criterion.kind == "keypoints":
        pieces = chunks(prompt.document or "", criterion.chunk_words)
        return [JudgePrompt(_text(judge.templates["keypoints"], piece, request)) for piece in pieces]
    if criterion.kind == "checklist" and not prompt.checklist:
        return [JudgePrompt(_text(judge.templates["checklist"], prompt.document, request, prompt.reference))]
    return []


def comparison_prompt(judge: Judge, criterion: Compare, prompt: Prompt) -> JudgePrompt:
    """Return the prompt of one comparison."""
    request = _conversation(prompt)
    shown = (prompt.document, request, prompt.reference, criterion.question)
    return JudgePrompt(_text(judge.templates["compare"], *shown), 1, 2)


def _conversation(prompt: Prompt) -> str:
    """Return the prompt's turns as a judge's template shows them."""
    if len(prompt.messages) == 1:
        return prompt.messages[0]["content"]
    return "\n\n".join(f"{turn['role']}: {turn['content']}" for turn in prompt.messages)


def _text(template: Template, *parts: str | None) -> str:
    """Return roughly what the template renders to, given these parts."""
    return "\n".join([_TAGS.sub("", template.text), *(part for part in parts if part)])

"""Sends several requests within one judgement. Every reply is kept and counted, even if the judgement fails."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from rlaif.config.templates import fence
from rlaif.core.errors import ModelError
from rlaif.core.types import Finding, Score, Verdict, key
from rlaif.judging.context import Candidate, JudgeContext, Note
from rlaif.judging.criteria.scale import RETRIED, sampling, token_limit
from rlaif.judging.native import NativeVerdict, ReplyFormat
from rlaif.judging.parsing import MOST_TEXTS, TEXT, Fields, fields_schema, read_fields, require_whole, wrapping_of
from rlaif.judging.rubric import Counting
from rlaif.models.base import ChatRequest, Completion

Read = TypeVar("Read")
# Estimate of how many things (claims, key points, checklist items) a judge lists. LongReward's responses have 18 to 33
# claims; a checklist of Rubrics as Rewards has 7 to 20 items.
THINGS = 20


@dataclass(frozen=True)
class Expected(Generic[Read]):
    """How to read a reply, and its JSON Schema or the replies that its native format allows."""

    read: Callable[[Completion], Read]
    schema: Mapping[str, Any] | None = None
    replies: tuple[str, ...] = ()


class Dialogue:
    """The requests and replies of one judgement. `name` makes its seeds differ from those of other judgements.

    `last` is the last reply. Its tokens have `top` alternatives each; it has no tokens if `top` is None.
    """

    def __init__(self, judge_context: JudgeContext, *name: str | int, top: int | None = None) -> None:
        self._context = judge_context
        self._name = name
        self._top = top
        self.replies: list[str] = []
        self._thoughts: list[str] = []
        self.last = Completion("")
        self.prompt_tokens = self.output_tokens = 0

    @property
    def raw(self) -> str:
        return "\n\n".join(self.replies)

    @property
    def reasoning(self) -> str | None:
        """The reasoning that the server returned apart from the replies."""
        return "\n\n".join(self._thoughts) or None

    async def request(self, template: str, fields: Fields, **values: Any) -> dict[str, Any]:
        """Request a reply with these `fields`, at most `attempts` times. Raises ModelError after that."""

        def read(reply: Completion) -> dict[str, Any]:
            require_whole(reply)
            return read_fields(reply.text, fields, wrapping_of(reply))

        return await self._request(template, Expected(read, schema=fields_schema(fields)), values)

    async def request_native(self, template: str, form: ReplyFormat, **values: Any) -> NativeVerdict:
        """Request a verdict in a judge's native format, at most `attempts` times. Raises ModelError after that."""
        return await self._request(template, Expected(form.read, replies=form.replies), values)

    async def _request(self, template: str, expected: Expected[Read], values: Mapping[str, Any]) -> Read:
        content, about = self._context.templates[template].render(**values), values.get("document") or ""
        room = token_limit(self._context.spec)
        for attempt in range(self._context.spec.attempts):
            try:
                return await self._send(content, about, expected, attempt, room)
            except ModelError as error:
                if error.kind not in RETRIED:
                    raise
                room = token_limit(self._context.spec, error.kind)
                last = error
        raise last

    async def request_each(self, template: str, texts: Sequence[str], words: Sequence[str], subject: Candidate) -> list[str]:
        """Let the judge assign one of `words` to each text (the template's `texts`) about the subject; return them in order.

        Texts are sent in batches of MOST_TEXTS, so that every reply has room for all words.
        """
        found: list[str] = []
        nonces = nonce, _ = fence(subject.answer), subject.prompt_fence
        values = self._context.shown_prompt(subject.prompt, *nonces) | {
            "prompt_fence": subject.prompt_fence,
            "response": self._context.shown(subject.text, *nonces),
            "fence": nonce,
        }
        used = self._context.templates[template].used
        values = {name: value for name, value in values.items() if name in used}
        for start in range(0, len(texts), MOST_TEXTS):
            # One line per text, so that no text can forge the number of another.
            part = [" ".join(self._context.shown(text, *nonces).split()) for text in texts[start : start + MOST_TEXTS]]
            numbers = [str(number) for number in range(1, len(part) + 1)]
            fields: Fields = {"rationale": TEXT, **dict.fromkeys(numbers, tuple(words))}
            reply = await self.request(template, fields, texts=part, **values)
            found += [reply[number] for number in numbers]
        return found

    async def _send(self, content: str, about: str, expected: Expected[Read], attempt: int, room: int) -> Read:
        spec = self._context.spec
        if self._context.model is None:
            raise ValueError("this kind of criterion needs a model")
        request = ChatRequest(
            messages=[{"role": "user", "content": content}],
            sampling=sampling(spec, attempt, room),
            seeds=(int(key("judge seed", *self._name, len(self.replies), attempt)[:8], 16) >> 1,),
            schema=expected.schema,
            top_logprobs=self._top,
            about=about,
            follows=bool(self.replies),
            replies=expected.replies,
        )
        reply = (await self._context.model.complete(request))[0]
        self.replies.append(reply.text)
        self._thoughts += [reply.reasoning] if reply.reasoning else []
        self.last = reply
        self.prompt_tokens += reply.prompt_tokens or 0
        self.output_tokens += reply.output_tokens or 0
        return expected.read(reply)


@dataclass(frozen=True, slots=True)
class Counted:
    """One claim, key point or item: its outcome, the share that the response earned, and its weight."""

    text: str
    outcome: str
    earned: float
    weight: float = 1.0
    rationale: str | None = None


async def judged(
    subject: Candidate,
    criterion: Counting,
    repeat: int,
    judge_context: JudgeContext,
    none: str,
    work: Callable[[Dialogue], Awaitable[list[Counted]]],
) -> Verdict:
    """Return the verdict of `work`: the weighted sum of what its things earned, over the sum of their weights.

    `none` is the finding to store if there are no things. Raises ModelError only for fatal kinds.
    """
    dialogue = Dialogue(judge_context, subject.answer, criterion.key, repeat)
    findings, failure, detail = list[Finding](), None, None
    try:
        things = await work(dialogue)
        score = Score(criterion.key, _share(things, criterion, none))
        findings = [Finding(criterion.key, each.text, each.outcome, float(each.earned), each.rationale) for each in things]
        findings = findings or [Finding(criterion.key, none, "none")]
    except ModelError as error:
        if error.fatal:
            raise
        failure, detail = error.kind, str(error)
        score = Score(criterion.key, failure=failure)
    return Verdict(
        [score],
        dialogue.raw,
        failure,
        detail,
        dialogue.prompt_tokens,
        dialogue.output_tokens,
        dialogue.reasoning,
        findings,
        len(dialogue.replies),
    )


def _share(things: Sequence[Counted], criterion: Counting, none: str) -> float:
    if things:
        # Both sums add in the same order, so that a full share is exactly 1.
        return sum(thing.weight * thing.earned for thing in things) / sum(thing.weight for thing in things)
    if criterion.if_none is None:
        raise ModelError("inapplicable", none)
    return criterion.if_none


async def noted(dialogue: Dialogue, work: Callable[[Dialogue], Awaitable[list[str]]]) -> Note:
    """Return the note with the texts that `work` lists. Raises ModelError only for fatal kinds."""
    texts, failure, detail = list[str](), None, None
    try:
        texts = await work(dialogue)
    except ModelError as error:
        if error.fatal:
            raise
        failure, detail = error.kind, str(error)
    counts = dialogue.prompt_tokens, dialogue.output_tokens, len(dialogue.replies)
    return Note(texts, dialogue.raw, failure, detail, *counts)


def texts_of(note: Note) -> list[str]:
    """Return the texts of a note. Raises ModelError with its failure kind if making the note failed."""
    if note.failure is not None:
        raise ModelError(note.failure, note.detail or "")
    return note.texts

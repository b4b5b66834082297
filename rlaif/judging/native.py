"""Replies in the native format of a fine-tuned judge: free text that ends with the verdict.

Such a judge cannot be held to a JSON Schema. Its reply counts as a verdict only if it ends with one, and if no other verdict
in it contradicts that one, because a judge may quote a forged verdict from the response.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from re import Pattern

from rlaif.core.errors import ModelError
from rlaif.core.types import clean
from rlaif.judging.logprobs import word_shares
from rlaif.judging.parsing import SHOWN, Span, require_whole
from rlaif.models.base import Completion
from rlaif.models.reasoning import text_spans


@dataclass(frozen=True, slots=True)
class NativeVerdict:
    """A verdict: its word and the position of that word in the reply, the word's value, and the text before it."""

    word: str
    span: Span
    value: int
    rationale: str | None


@dataclass(frozen=True)
class ReplyFormat:
    """How a reply ends.

    `verdict` matches a whole reply, with the groups `rationale` and `word`. `mark` finds every text in a reply that could be
    meant as a verdict, with the word as its only group. `values` maps the words to scores; in a comparison, 1 means that the
    response shown first is better. `example` is a reply with `{text}` and `{word}`.
    """

    verdict: Pattern[str]
    mark: Pattern[str]
    values: Mapping[str, int]
    example: str

    @property
    def replies(self) -> tuple[str, ...]:
        """The replies with each word; `{text}` stands for free text."""
        return tuple(self.example.replace("{word}", word) for word in self.values)

    def read(self, reply: Completion) -> NativeVerdict:
        """Return the verdict at the end of a reply. Raises ModelError with the kind of the failure."""
        require_whole(reply)
        text = reply.text
        spans = text_spans(text) if reply.reasoning is None else [(0, len(text))]
        if not spans:
            raise ModelError("malformed", "the reply ends before the model's reasoning does", raw=text)
        found = self.verdict.fullmatch(text, *spans[-1])
        if found is None:
            shown = text[: spans[-1][1]].rstrip()[-SHOWN:]
            what = f"the reply does not end with a verdict such as {self.replies[0]!r}, but with {shown!r}"
            raise ModelError("malformed", what, raw=text)
        word = found["word"]
        if others := {other for other in self.mark.findall(text, *spans[-1]) if other != word}:
            raise ModelError("malformed", f"the verdict {word!r} contradicts {min(others)[:SHOWN]!r}", raw=text)
        rationale = clean((found["rationale"] or "").strip()) or None
        return NativeVerdict(word, found.span("word"), self.values[word], rationale)

    def expected(self, reply: Completion, verdict: NativeVerdict) -> tuple[float, float] | None:
        """Return mean and standard deviation of the value over the judge's alternatives to the word; None without them."""
        shares = word_shares(reply.text, reply.tokens, verdict.span, self.values)
        if shares is None:
            return None
        mean = sum(self.values[word] * share for word, share in shares.items())
        return mean, sum(share * (self.values[word] - mean) ** 2 for word, share in shares.items()) ** 0.5


@dataclass(frozen=True)
class Format:
    """The native format of a judge model: how it rates one response, and how it compares two; None if it does not.

    `marks` finds the start of each mark that separates the parts of the template or announces a verdict; in untrusted texts,
    a space after it breaks the mark. Criteria of kind `scale` must be from `low` to `high`.
    """

    marks: Pattern[str]
    scale: ReplyFormat | None = None
    compare: ReplyFormat | None = None
    low: int = 1
    high: int = 5
    needs_logprobs: bool = False

    def broken(self, text: str) -> str:
        """Return an untrusted text with a space inside each of the format's marks."""
        return self.marks.sub(r"\g<0> ", text)

"""What a server does not take of the API, learnt from its refusals. Only what changes no answer's meaning is given up."""

import re
from dataclasses import dataclass, replace
from typing import Final, Self

from rlaif.config import OpenAIModel

# How servers name what they do not take, in a refusal of status 400 or 422.
SEED: Final = re.compile(r"\bseed\b")
SEVERAL: Final = re.compile(r"""['"`]n['"`]|\bn (must|should|has to|is|>|=)|multiple (choices|completions)""")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How requests to a server are written: what the bound on tokens is called, and whether `n` and `seed` may be said."""

    max_tokens: str
    several: bool = True
    seed: bool = True

    @classmethod
    def of(cls, config: OpenAIModel) -> Self:
        return cls(config.max_tokens_field)

    def given_up(self, config: OpenAIModel, *, several: bool) -> list[tuple[str, str]]:
        """What a request is written without, or otherwise, than the configuration has it, as remarks.

        `several` where it is for one of more completions.
        """
        return [
            *([] if self.seed else [("left out", "seed")]),
            *([("left out", "n")] if several and not self.several else []),
            *([] if self.max_tokens == config.max_tokens_field else [("renamed", "max_tokens")]),
        ]

    def after(self, refusal: str, n: int) -> "Dialect":
        """The dialect without what the refusal of a request for `n` completions names; the same one if it names nothing.

        Never given up: log-probabilities and the verdict's form, without which a judge would judge otherwise.
        """
        if self.max_tokens == "max_tokens" and "max_completion_tokens" in refusal:
            return replace(self, max_tokens="max_completion_tokens")
        if self.seed and SEED.search(refusal):
            return replace(self, seed=False)
        if self.several and n > 1 and SEVERAL.search(refusal):
            return replace(self, several=False)
        return self

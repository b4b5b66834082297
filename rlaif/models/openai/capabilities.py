"""What a server does not accept of the API, learnt from its refusals. Only what does not change answers is given up."""

import re
from dataclasses import dataclass, replace
from typing import Final, Self

from rlaif.config import OpenAIModel

# How servers name a parameter that they refuse, with status 400 or 422.
SEED: Final = re.compile(r"\bseed\b")
SEVERAL: Final = re.compile(r"""['"`]n['"`]|\bn (must|should|has to|is|>|=)|multiple (choices|completions)""")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How requests to a server are written: the name of the bound on tokens, and whether `n` and `seed` are sent."""

    max_tokens: str
    several: bool = True
    seed: bool = True

    @classmethod
    def of(cls, config: OpenAIModel) -> Self:
        return cls(config.max_tokens_field)

    def given_up(self, config: OpenAIModel, *, several: bool) -> list[tuple[str, str]]:
        """How a request differs from what the configuration says, as remarks.

        `several` is for a request for one of several completions.
        """
        return [
            *([] if self.seed else [("left out", "seed")]),
            *([("left out", "n")] if several and not self.several else []),
            *([] if self.max_tokens == config.max_tokens_field else [("renamed", "max_tokens")]),
        ]

    def after(self, refusal: str, n: int) -> "Dialect":
        """The dialect without what the refusal of a request for `n` completions names; the same one if it names nothing.

        Log-probabilities and the verdict's form are never given up: without them a judge would judge differently.
        """
        if self.max_tokens == "max_tokens" and "max_completion_tokens" in refusal:
            return replace(self, max_tokens="max_completion_tokens")
        if self.seed and SEED.search(refusal):
            return replace(self, seed=False)
        if self.several and n > 1 and SEVERAL.search(refusal):
            return replace(self, several=False)
        return self

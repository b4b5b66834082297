"""Learn from a server's refusals which parts of the API it lacks.

Only parameters are dropped that do not change answers, and a default temperature, because recent models accept none.
"""

import re
from dataclasses import dataclass, replace
from typing import Final, Self

from rlaif.config import OpenAIModel
from rlaif.models.base import ChatRequest

# How servers name a parameter that they refuse with status 400 or 422.
TEMPERATURE: Final = re.compile(r"\btemperature\b")
SEED: Final = re.compile(r"\bseed\b")
LOGPROBS: Final = re.compile(r"logprobs", re.IGNORECASE)
SEVERAL: Final = re.compile(r"""['"`]n['"`]|\bn (must|should|has to|is|>|=)|multiple (choices|completions)""")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How requests to a server are written: the name of the bound on tokens, and whether `n`, `seed`, a temperature that the
    user did not choose, and log-probabilities without alternatives, which no judge needs, are sent."""

    max_tokens: str
    several: bool = True
    seed: bool = True
    temperature: bool = True
    logprobs: bool = True

    @classmethod
    def of(cls, config: OpenAIModel) -> Self:
        return cls(config.max_tokens_field)

    def given_up(self, config: OpenAIModel, request: ChatRequest) -> list[tuple[str, str]]:
        """Return how a request differs from the configuration, as remarks."""
        return [
            *([] if self.temperature or request.sampling.chosen else [("left out", "temperature")]),
            *([] if self.logprobs or request.top_logprobs != 0 else [("left out", "logprobs")]),
            *([] if self.seed else [("left out", "seed")]),
            *([("left out", "n")] if request.n > 1 and not self.several else []),
            *([] if self.max_tokens == config.max_tokens_field else [("renamed", "max_tokens")]),
        ]

    def after(self, refusal: str, n: int, request: ChatRequest) -> "Dialect":
        """Return the dialect without the parameters that the refusal of a request for `n` completions names, if any.

        A temperature stays if the user has chosen it. A judge's log-probabilities and the response format are never dropped:
        without them, it would judge differently.
        """
        if self.max_tokens == "max_tokens" and "max_completion_tokens" in refusal:
            return replace(self, max_tokens="max_completion_tokens")
        if self.temperature and not request.sampling.chosen and TEMPERATURE.search(refusal):
            return replace(self, temperature=False)
        if self.seed and SEED.search(refusal):
            return replace(self, seed=False)
        if self.logprobs and request.top_logprobs == 0 and LOGPROBS.search(refusal):
            return replace(self, logprobs=False)
        if self.several and n > 1 and SEVERAL.search(refusal):
            return replace(self, several=False)
        return self

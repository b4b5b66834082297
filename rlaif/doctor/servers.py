"""Checks of served models: is each reachable, is the key valid, is the model listed, and are the run's requests accepted?

The run's client sends the requests in the run's form, so the doctor finds what the run will find: it reports which
parameters the client has to leave out and which requests the server rejects.
"""

import json
import re
from typing import Any, Final

from rlaif.config import AnthropicModel, OpenAIModel
from rlaif.config.yaml import did_you_mean
from rlaif.core.errors import InputError, ModelError
from rlaif.doctor.check import Check, fail, ok, warn
from rlaif.doctor.needs import Need
from rlaif.models.anthropic.client import Anthropic, as_served
from rlaif.models.base import ChatRequest, Completion
from rlaif.models.openai.client import OpenAI
from rlaif.models.openai.credentials import NO_SECRET, addresses, public_url, secret
from rlaif.models.openai.probe import listed
from rlaif.models.openai.reward_model import OpenAIReward

# Seconds for one request. A server that takes longer for a few words is not ready for a run.
DEADLINE: Final = 60.0
# Patterns in rejections, each with a fix; the most specific come first.
REFUSED: Final = (
    (r"top_logprobs|logprobs", "Set {place}.logprobs to false; scores are then the numbers that the judge writes."),
    (
        r"response_format|json_schema|guided|grammar|schema|minimum|maximum|minItems|maxItems|additionalProperties|"
        r"structured output",
        "Set models.{name}.structured to {loose}.",
    ),
    (r"temperature", "Set {place}.temperature to a value that the server accepts, or to null."),
    (r"top_p", "Set {place}.top_p to a value that the server accepts."),
    (r"max_completion_tokens|max_tokens", "Set {place}.max_tokens to a value that the server accepts."),
    (r"system|role", "Remove the system message from the template or the prompts."),
)
FIXES: Final = {
    "unreachable": "Start the server, or correct models.{name}.base_url.",
    "auth": "Set the key that the server expects.",
    "quota": "Add credit or raise the limit at the vendor.",
    "unknown_model": "Correct models.{name}.model.",
    "timeout": "Check the server's log, or raise models.{name}.timeout.",
}


async def examine(name: str, config: OpenAIModel | AnthropicModel, needs: list[Need]) -> tuple[list[Check], int | None]:
    """Return the findings, and the context length in tokens if the server reports it."""
    if isinstance(config, AnthropicModel):
        return await _examine(f"model {name}", name, config, needs)
    urls = addresses(config.base_url)
    checks: list[Check] = []
    limits: list[int | None] = []
    for url in urls:
        label = f"model {name}" if len(urls) == 1 else f"model {name} at {public_url(url)}"
        found, limit = await _examine(label, name, config.model_copy(update={"base_url": url}), needs)
        checks, limits = [*checks, *found], [*limits, limit]
    known = [limit for limit in limits if limit]
    return checks, min(known, default=None)


async def _examine(
    label: str, name: str, config: OpenAIModel | AnthropicModel, needs: list[Need]
) -> tuple[list[Check], int | None]:
    try:
        key = secret(as_served(config) if isinstance(config, AnthropicModel) else config)
        unset = "no key is set; servers on this machine may not need one"
        checks = [ok(label, unset if key == NO_SECRET else f"{config.api_key.removeprefix('env:')} is set")]
        async with _client(config, rewards=any(need.rewards for need in needs)) as served:
            return await Examination(label, name, served).all(needs, checks)
    except InputError as error:
        return [fail(label, error.what, error.fix, of_model=True)], None


def _client(config: OpenAIModel | AnthropicModel, *, rewards: bool) -> OpenAI:
    """Return the run's client, which waits and retries less."""
    brisk = {"timeout": min(config.timeout, DEADLINE), "attempts": 2}
    if isinstance(config, AnthropicModel):
        return Anthropic(config.model_copy(update=brisk), pause=0.1)
    kind = OpenAIReward if rewards else OpenAI
    return kind(config.model_copy(update=brisk | {"start_timeout": 0.0}), pause=0.1)


class Examination:
    """Sends requests to one server and reports the findings."""

    def __init__(self, label: str, name: str, served: OpenAI) -> None:
        self._label, self._name, self._served = label, name, served
        self._loose = "none" if isinstance(served, Anthropic) else "json_object or none"

    async def all(self, needs: list[Need], checks: list[Check]) -> tuple[list[Check], int | None]:
        """Return `checks` and the findings of all tests, and the context length."""
        found, limit = await self.listing()
        failed: list[Check] = []
        answered: list[tuple[Need, dict[int, Completion]]] = []
        for need in needs:
            try:
                answered.append((need, await self._served.request(need.request, need.request.seeds)))
            except ModelError as error:
                failed.append(self.failed(error, need))
                if error.fatal:
                    break
        abilities: list[Check | None] = [ok(self._label, "answers")] if answered else []
        for need, completions in answered:
            abilities += [self.several(need, completions), self.logprobs(need, completions), self.form(need, completions)]
        if answered and not failed:
            abilities += [*self.given_up(), await self.seeds([need for need, _ in answered])]
        return [each for each in dict.fromkeys([*checks, *found, *failed, *abilities]) if each], limit

    async def listing(self) -> tuple[list[Check], int | None]:
        """Check that the server lists the model; return the context length that it reports."""
        config = self._served.config
        try:
            models = {each["id"]: each for each in await listed(self._served.heads[0])}
        except (ModelError, TimeoutError) as error:
            # Many servers list nothing; whether the model is served shows in its replies.
            lists = getattr(error, "kind", "") in ("unknown_model", "rejected", "malformed")
            return [warn(self._label, "the server does not list its models")] if lists else [], None
        if config.model not in models:
            fix = did_you_mean(config.model, models)
            return [warn(self._label, f"{config.model!r} is not among the {len(models)} models listed", fix)], None
        limit = models[config.model].get("max_model_len")
        limit = limit if isinstance(limit, int) and not isinstance(limit, bool) else None
        context = f", context of {limit:,} tokens" if limit else ""
        return [ok(self._label, f"{public_url(config.base_url)} lists {config.model}{context}")], limit

    def several(self, need: Need, found: dict[int, Completion]) -> Check | None:
        """Check that one request returns several completions."""
        if need.request.n == 1 or isinstance(self._served, Anthropic):
            return None
        if len(found) == need.request.n:
            return ok(self._label, "n: several completions in one request")
        return warn(self._label, "n is ignored: each sample needs a separate request, which pays for the prompt again")

    def logprobs(self, need: Need, found: dict[int, Completion]) -> Check | None:
        """Check that replies have log-probabilities."""
        left_out = isinstance(self._served, Anthropic) or ("left out", "logprobs") in self._served.remarks
        if need.request.top_logprobs is None or not found or (left_out and not need.request.top_logprobs):
            return None
        if all(completion.tokens for completion in found.values()):
            return ok(self._label, "logprobs: returned")
        fix = f"Set {need.place}.logprobs to false; scores are then the numbers that the judge writes."
        return warn(self._label, "logprobs are not returned", fix)

    def form(self, need: Need, found: dict[int, Completion]) -> Check | None:
        """Check that the server enforces the verdict's JSON Schema."""
        structured = self._served.config.structured
        if need.request.schema is None or structured == "none" or need.rewards or not found:
            return None
        if _keeps(found[min(found)].text, need.request.schema):
            return ok(self._label, f"{structured}: replies follow the schema")
        fix = f"Set models.{self._name}.structured to {self._loose}."
        return warn(self._label, f"{structured} is accepted, but replies do not follow the schema", fix)

    def given_up(self) -> list[Check]:
        """Report parameters that the client had to omit or rename, as it will in the run."""
        config, remarks = self._served.config, self._served.remarks
        checks = []
        if ("renamed", "max_tokens") in remarks:
            fix = f"Set models.{self._name}.max_tokens_field to max_completion_tokens to save a request."
            checks.append(
                warn(self._label, f"{config.max_tokens_field} is rejected: requests use max_completion_tokens", fix)
            )
        if ("left out", "temperature") in remarks:
            checks.append(warn(self._label, "temperature is rejected: requests omit it, and the server uses its own"))
        if ("left out", "logprobs") in remarks:
            fix = "Set generate.logprobs to false to save a request."
            checks.append(warn(self._label, "logprobs are rejected: requests for responses omit them", fix))
        if ("left out", "seed") in remarks:
            checks.append(warn(self._label, "seed is rejected: requests omit it, and samples cannot be reproduced"))
        return checks

    async def seeds(self, needs: list[Need]) -> Check | None:
        """Check that the same seed gives the same text."""
        need = next((each for each in needs if each.place == "generate"), None)
        if need is None or ("left out", "seed") in self._served.remarks or isinstance(self._served, Anthropic):
            return None
        request = ChatRequest(need.request.messages, need.request.sampling, need.request.seeds[:1])
        try:
            first, again = [await self._served.request(request, request.seeds) for _ in range(2)]
        except ModelError as error:
            return self.failed(error, need)
        if first[0].text == again[0].text:
            return ok(self._label, "seed: reproducible")
        return warn(
            self._label, "seed: the same seed gave different text; stored samples are kept, but cannot be reproduced"
        )

    def failed(self, error: ModelError, need: Need) -> Check:
        """Return the finding for a failed request, with its fix."""
        fix = FIXES.get(error.kind, "Check the server's log.")
        if error.kind == "rejected":
            fix = _by_parameter(error)
        if self._served.hint:
            fix = "Correct models.{name}.base_url as shown."
        where = "" if error.fatal else f"{need.place} would fail: "
        message = f"{where}{error.kind}: {error}"
        return fail(self._label, message, fix.format(name=self._name, place=need.place, loose=self._loose), of_model=True)


def _by_parameter(error: ModelError) -> str:
    """Return the fix for a rejected request, by the parameter that the rejection names."""
    try:
        named = json.loads(error.raw)["error"]["param"]
    except (ValueError, TypeError, KeyError, RecursionError):
        named = None
    for text in (named, str(error)):
        if isinstance(text, str):
            for pattern, fix in REFUSED:
                if re.search(pattern, text, re.IGNORECASE):
                    return fix
    return "Change the setting that the message names; the run sends the same request."


def _keeps(text: str, schema: Any) -> bool:
    """Whether the text is a JSON object with all names that the schema requires."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and set(schema.get("required", ())) <= set(value)

"""Served models: reachable, opened by the key, listed, and what they can do, found by a few tiny asks.

The asks go out one by one through the `openai` package, so that a server's refusal of a parameter is seen as it is; the
`openai` model would ask again without it.
"""

import asyncio
import json
from dataclasses import replace
from typing import Any, Final

from rlaif.config import OpenAIModel
from rlaif.doctor.check import Check, fail, ok, warn
from rlaif.doctor.needs import Needs
from rlaif.errors import InputError, ModelError
from rlaif.models.ask import Ask, Completion, Sampling
from rlaif.models.openai_fault import RequestError, from_status
from rlaif.models.openai_reply import read_reply
from rlaif.models.openai_request import body
from rlaif.models.openai_server import NO_SECRET, addresses, client, public_url, secret
from rlaif.shipped import root
from rlaif.template import Template
from rlaif.yaml_file import did_you_mean

# Long enough to see a difference, and next to nothing to pay.
TOKENS: Final = 4
# The shortest reply that the schema below allows.
SCHEMA_TOKENS: Final = 16
SCHEMA: Final = {
    "type": "object", "properties": {"cold": {"type": "boolean"}}, "required": ["cold"], "additionalProperties": False,
}  # fmt: skip
# Seconds. A server that is slower than this at four tokens is not ready for a run.
DEADLINE: Final = 60.0


async def examine(name: str, config: OpenAIModel, needs: Needs) -> tuple[list[Check], int | None]:
    """Findings, and the context length in tokens where the server tells it."""
    urls = addresses(config.base_url)
    checks: list[Check] = []
    limits: list[int | None] = []
    for url in urls:
        label = f"model {name}" if len(urls) == 1 else f"model {name} at {public_url(url)}"
        found, limit = await _examine(label, name, config.model_copy(update={"base_url": url}), needs)
        checks, limits = [*checks, *found], [*limits, limit]
    known = [limit for limit in limits if limit]
    return checks, min(known, default=None)


async def _examine(label: str, name: str, config: OpenAIModel, needs: Needs) -> tuple[list[Check], int | None]:
    try:
        key = secret(config)
    except InputError as error:
        return [fail(label, error.what, error.fix, of_model=True)], None
    said = (
        f"{config.api_key.removeprefix('env:')} is set" if key != NO_SECRET else "no key is set, and this machine needs none"
    )
    checks = [ok(label, said)]
    async with client(config, addresses(config.base_url)[0], key, timeout=DEADLINE) as package:
        probe = Probe(label, name, config, package, key)
        try:
            found, limit = await probe.listed()
            checks.append(found)
            checks.append(await probe.answers())
        except ModelError as error:
            return [*checks, probe.failed(error)], None
        abilities = (probe.several(needs), probe.logprobs(needs), probe.form(needs), probe.seeds())
        return checks + [check for ability in abilities if (check := await ability)], limit


class Probe:
    """Asks one server, and tells what it found."""

    def __init__(self, label: str, name: str, config: OpenAIModel, client: Any, key: str) -> None:
        self._label, self._name, self._config, self._client, self._key = label, name, config, client, key
        shown = Template(root() / "prompts/doctor/probe.jinja", frozenset()).render()
        self._ask = Ask([{"role": "user", "content": shown}], Sampling(max_tokens=TOKENS), seeds=(1,))

    async def listed(self) -> tuple[Check, int | None]:
        """Whether the server lists the model, and the context length that it tells."""
        try:
            page = await self._call(self._client.models.list())
            models = {str(model.id): model for model in page.data or []}
        except RequestError as error:
            if error.kind in ("unknown_model", "rejected"):
                return warn(self._label, "the server does not list its models"), None
            raise
        except (AttributeError, TypeError):
            return warn(self._label, "the server's list of models cannot be read"), None
        if self._config.model not in models:
            fix = did_you_mean(self._config.model, models)
            return warn(self._label, f"{self._config.model!r} is not among the {len(models)} models listed", fix), None
        limit = getattr(models[self._config.model], "max_model_len", None)
        context = f", context of {limit:,} tokens" if isinstance(limit, int) else ""
        url = public_url(self._config.base_url)
        return ok(self._label, f"{url} lists {self._config.model}{context}"), limit if isinstance(limit, int) else None

    async def answers(self) -> Check:
        """Whether it answers at all."""
        await self._send(self._ask)
        return ok(self._label, "answers")

    async def several(self, needs: Needs) -> Check | None:
        """Whether one request gives two completions."""
        if needs.samples == 1:
            return None
        found = await self._try(replace(self._ask, seeds=(1, 2)))
        if isinstance(found, dict) and len(found) == 2:
            return ok(self._label, "n: several completions in one request")
        why = f": {found}" if isinstance(found, str) else ""
        return warn(self._label, f"n is not honoured: each sample is a request of its own and pays for its prompt{why}")

    async def logprobs(self, needs: Needs) -> Check | None:
        """Whether replies come with log-probabilities."""
        if not needs.logprobs:
            return None
        found = await self._try(replace(self._ask, top_logprobs=2))
        if isinstance(found, dict) and found[0].tokens:
            return ok(self._label, "logprobs: given")
        fix = "Set `logprobs: false` where it stands; scores are then the judge's own numbers."
        return warn(self._label, f"logprobs are not given{f': {found}' if isinstance(found, str) else ''}", fix)

    async def form(self, needs: Needs) -> Check | None:
        """Whether the server holds replies to a JSON schema."""
        if not needs.schema or self._config.structured == "none":
            return None
        sampling = Sampling(temperature=0.0, max_tokens=SCHEMA_TOKENS)
        found = await self._try(replace(self._ask, schema=SCHEMA, sampling=sampling))
        fix = f"Set models.{self._name}.structured to json_object or none."
        if isinstance(found, str):
            return fail(self._label, f"{self._config.structured} is refused: {found}", fix, of_model=True)
        if _is_cold(found[0].text):
            return ok(self._label, f"{self._config.structured}: replies keep to it")
        return warn(self._label, f"{self._config.structured} is taken, and replies do not keep to it", fix)

    async def seeds(self) -> Check:
        """Whether the same seed gives the same words."""
        first, again = await self._try(self._ask), await self._try(self._ask)
        if isinstance(first, dict) and isinstance(again, dict) and first[0].text == again[0].text:
            return ok(self._label, "seed: the same words again")
        return warn(self._label, "seed: other words for the same seed; what is stored stays, but it cannot be drawn again")

    def failed(self, error: ModelError) -> Check:
        """The finding for a server that cannot be used."""
        config = self._config
        fixes = {
            "unreachable": f"Start the server, or correct models.{self._name}.base_url.",
            "auth": f"The key in {config.api_key.removeprefix('env:')} is not taken; set another.",
            "quota": "Pay the bill or raise the limit at the vendor.",
            "unknown_model": f"Correct models.{self._name}.model.",
        }
        fix = fixes.get(error.kind, "See the server's log.")
        said = f"{public_url(config.base_url)}: {error.kind}: {error}".replace(self._key, "***")
        return fail(self._label, said, fix, of_model=True)

    async def _try(self, ask: Ask) -> dict[int, Completion] | str:
        """Completions, or why there are none."""
        try:
            return await self._send(ask)
        except ModelError as error:
            return str(error).replace(self._key, "***")

    async def _send(self, ask: Ask) -> dict[int, Completion]:
        request = body(self._config, ask, ask.seeds)
        response = await self._call(self._client.chat.completions.with_raw_response.create(**request))
        return read_reply(response.content, ask.n).found

    async def _call(self, call: Any) -> Any:
        import openai

        try:
            async with asyncio.timeout(DEADLINE):
                return await call
        except (TimeoutError, openai.APITimeoutError):
            raise RequestError("timeout", f"no reply within {DEADLINE:g} s") from None
        except openai.APIStatusError as error:
            raise from_status(error.status_code, error.response.headers, error.response.text) from None
        except openai.APIConnectionError as error:
            raise RequestError("unreachable", f"no connection: {error.__cause__ or error}") from None
        except (openai.OpenAIError, ValueError) as error:
            raise RequestError("malformed", f"a reply that cannot be read: {type(error).__name__}") from None


def _is_cold(text: str) -> bool:
    try:
        value = json.loads(text)
    except ValueError:
        return False
    return isinstance(value, dict) and isinstance(value.get("cold"), bool)

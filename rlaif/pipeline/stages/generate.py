"""Generate: samples the responses that prompts still lack.

A response is identified by prompt, generator and sample number, so that after adding samples, prompts or a model, only the
new responses are pending.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rlaif.config import Config, Generate
from rlaif.config.templates import Template
from rlaif.context.budget import OUTPUT_SHARE, tokens_of
from rlaif.context.run import ATTEMPTS, EVERYTHING, Context, HeldOut, now
from rlaif.core.errors import TRANSIENT, ModelError
from rlaif.core.progress import Tally
from rlaif.core.signals import UnsentError
from rlaif.core.types import Prompt, answer_key, clean, key, stored
from rlaif.core.workers import StageQueue, run_workers
from rlaif.models.base import ChatRequest, Completion, Model, prompt_cut
from rlaif.models.reasoning import Split, separate, visible
from rlaif.models.registry import Models
from rlaif.pipeline import versions
from rlaif.pipeline.circuit_breaker import CircuitBreaker
from rlaif.pipeline.generator import VARIABLES, Generator, show
from rlaif.pipeline.pending import PendingUnits
from rlaif.pipeline.plan import Plan
from rlaif.store.store import Row

# The user is warned if at least this share of prompts has only equal samples; a few short answers may be equal by chance.
SAME = 0.5
# The least number of prompts that get more samples at once: with fewer, each round would wait for its slowest reply.
ROUND = 64


async def run(
    context: Context,
    models: Models,
    generator: Generator,
    *,
    only: HeldOut = EVERYTHING,
    queues: Sequence[StageQueue[Row]] = (),
) -> None:
    """Sample the pending responses: the configured number for all prompts, or those that `only` selects.

    Each batch of stored texts that no judge can have seen goes to the `queues` of the judges, so that judging them can start
    at once.
    """
    _register(context, generator)
    pending = PendingUnits(context.store, "generate", "prompt", **asked(context.config, generator, only))
    with context.stage("generate", pending.count) as tally:
        if not pending.count:
            return
        model = await models.get(generator.model, where=generator.where)
        breaker = CircuitBreaker(tally.stage)

        def keep(batch: list[_Sampled]) -> None:
            _keep(context, batch, tally)
            if queues:
                unseen = [row for sampled in batch for row in sampled.unseen]
                for queue in queues:
                    queue.put_from_thread(unseen)

        async def sample(row: Row) -> _Sampled:
            for queue in queues:
                await queue.room()
            return await _sample(row, generator, model, tally)

        await run_workers(
            context.budget.within(pending, tally, generator.model, lambda row: _guess(row, generator)),
            sample,
            keep,
            concurrency=model.concurrency,
            heard=lambda sampled: breaker.heard(*sampled.failed),
        )
        breaker.over(
            lambda: context.store.query(
                "SELECT key FROM responses WHERE generator = $generator AND failure IS NULL LIMIT 1", generator=generator.key
            )
        )
        # In a thread, because other stages have requests in flight.
        await asyncio.to_thread(_tell_of_equals, context, generator)


def asked(config: Config, generator: Generator, only: HeldOut = EVERYTHING, key: str | None = None) -> dict[str, Any]:
    """Return the parameters of the query `generate/pending`: the samples that `only` selects, else the configured number and
    those added by `top_up`.

    A `key` selects another generator with the same settings.
    """
    wanted = only.samples or generator.settings.samples
    pair = config.pipeline.pair
    return (
        only.parameters
        | _part(config)
        | {
            "generator": generator.key if key is None else key,
            "samples": wanted,
            "most": pair.max_samples if pair and pair.target and not only.samples else wanted,
            "attempts": ATTEMPTS,
            "transient": sorted(TRANSIENT),
        }
    )


def _part(config: Config) -> dict[str, int]:
    """Return the part of the prompts that is sampled, among those that are not held out."""
    part, parts = (config.pipeline.generate and config.pipeline.generate.part) or (0, 1)
    return {"part": part, "parts": parts, "reserved": round(config.pipeline.collect.held_out * 10000)}


def top_up(context: Context, generator: Generator, pairing: str, pairs: int, most: int) -> int:
    """Record that prompts without a pair in `pairing` get more samples, up to `most` in total; return the number of prompts.

    It selects about as many prompts as `pairs` are missing. The record is stored, so that a stopped round can be resumed.
    """
    before = context.store.query("pipeline/sql/generate/prompts_with_extra_samples", generator=generator.key)[0]["prompts"]
    context.store.execute(
        "pipeline/sql/generate/add_samples",
        generator=generator.key,
        pairing=pairing,
        prompts=max(pairs, ROUND),
        most=most,
        more=max(1, generator.settings.samples // 2),
        **_part(context.config),
    )
    return int(
        context.store.query("pipeline/sql/generate/prompts_with_extra_samples", generator=generator.key)[0]["prompts"]
    ) - int(before)


def _guess(row: Row, generator: Generator) -> tuple[int, float, float]:
    """Return the completions of a unit, and an estimate of its prompt and output tokens."""
    samples = len(row["samples"])
    return samples, tokens_of(row["messages"], row["document"]), samples * generator.settings.max_tokens * OUTPUT_SHARE


def _register(context: Context, generator: Generator) -> None:
    if not context.store.query("SELECT key FROM generators WHERE key = $generator LIMIT 1", generator=generator.key):
        row = {"key": generator.key, "name": generator.name, "spec": json.dumps(generator.spec)}
        context.store.append("generators", [row])
    versions.use(context.store, "generator", generator.name, generator.key)


@dataclass(frozen=True)
class _Sampled:
    owed: Row
    ask: Row | None
    responses: list[Row]

    @property
    def failed(self) -> tuple[str | None, str | None]:
        """The kind and detail of the failure if no sample is usable."""
        row = next((response for response in self.responses if not response.get("failure")), self.responses[0])
        return row.get("failure"), row.get("detail")

    @property
    def unseen(self) -> list[Row]:
        """The distinct texts, with what a judge needs; none if the prompt had responses before, which may be equal."""
        if not self.owed["fresh"]:
            return []
        texts = dict.fromkeys(response["text"] for response in self.responses if not response.get("failure"))
        shared = {name: self.owed[name] for name in ("prompt", "messages", "document", "reference", "checklist", "metadata")}
        return [shared | {"text": text} for text in texts]


async def _sample(row: Row, generator: Generator, model: Model, tally: Tally) -> _Sampled:
    messages = generator.show(stored(row))
    settings = generator.settings
    ask = ChatRequest(
        messages=messages,
        sampling=generator.sampling,
        seeds=tuple(int(key("seed", settings.seed, row["prompt"], sample)[:8], 16) >> 1 for sample in row["samples"]),
        top_logprobs=0 if settings.logprobs else None,
        about=row["document"] or row["prompt"],
    )
    tally.add(calls=1)
    try:
        answers: list[Completion | ModelError | None] = list(await model.complete(ask))
    except ModelError as error:
        if error.fatal:
            raise
        answers = [error.found.get(place, error) for place in range(ask.n)]
    except UnsentError as error:
        if not error.found:
            tally.add(calls=-1)
            raise
        answers = [error.found.get(place) for place in range(ask.n)]
    asked = {"prompt": row["prompt"], "generator": generator.key, "messages": json.dumps(messages)}
    return _Sampled(
        row,
        None if row["shown"] else asked,
        [
            _response(row, sample, answer, generator)
            for sample, answer in zip(row["samples"], answers, strict=True)
            if answer
        ],
    )


def _response(row: Row, sample: int, answer: Completion | ModelError, generator: Generator) -> Row:
    response: Row = {
        "key": key("response", row["prompt"], generator.key, sample),
        "prompt": row["prompt"],
        "generator": generator.key,
        "sample": sample,
        "attempt": row["attempt"],
        "created": now(),
    }
    if isinstance(answer, ModelError):
        return response | {"failure": answer.kind, "detail": str(answer)}
    parts = separate(clean(answer.text), answer.reasoning and clean(answer.reasoning))
    kept = generator.settings.reasoning == "keep"
    text = _with_reasoning(answer, parts) if kept else parts.text
    failure, detail = _failure(answer, parts)
    return response | {
        "answer": answer_key(row["prompt"], text),
        "text": text,
        "reasoning": None if kept else parts.reasoning,
        "finish": answer.finish,
        "prompt_tokens": answer.prompt_tokens,
        "output_tokens": answer.output_tokens,
        "logprob": answer.logprob,
        "failure": failure,
        "detail": detail,
    }


def _with_reasoning(answer: Completion, parts: Split) -> str:
    """Return the text with its reasoning: as the model wrote it, or in `<think>` tags if the server separated the two."""
    if not answer.reasoning:
        return clean(answer.text)
    return f"<think>\n{parts.reasoning}\n</think>\n\n{parts.text}"


def _failure(answer: Completion, parts: Split) -> tuple[str | None, str | None]:
    """Return why a completion is not a response, as failure kind and detail; None and None if it is one."""
    if answer.finish == "refused":
        # A refusal is an outcome to count, not a response to score.
        return "refused", None
    if answer.finish == "prompt_cut":
        return "prompt_cut", prompt_cut(answer)
    if visible(parts.text):
        return None, None
    reasoned = bool(parts.reasoning) or not parts.closed
    if reasoned and (answer.finish == "length" or not parts.closed):
        return "unfinished_reasoning", "the response ended while the model was still reasoning. Raise generate.max_tokens."
    if answer.finish == "length":
        return "empty", "max_tokens was used up before any text was written. Raise generate.max_tokens."
    return "empty", "the model wrote no text" + (" after its reasoning" if reasoned else "")


def _keep(context: Context, batch: list[_Sampled], tally: Tally) -> None:
    newest = context.store.rows("SELECT number FROM newest_pairing")
    kept = {"kept_after": newest[0]["number"] if newest else None}
    responses = [response | kept for sampled in batch for response in sampled.responses]
    with context.store.transaction():
        context.store.append("rendered_prompts", [sampled.ask for sampled in batch if sampled.ask])
        context.store.append("responses", responses)
    for response in responses:
        tally.finish(response)


def _tell_of_equals(context: Context, generator: Generator) -> None:
    """Warn if most samples are equal: the temperature is 0, or the server ignores seeds or caches replies."""
    found = context.store.query("pipeline/sql/generate/same", generator=generator.key)[0]
    if found["same"] and found["same"] >= SAME * found["prompts"]:
        cold = generator.settings.temperature == 0
        cause = "The temperature is 0." if cold else "Does the server ignore seeds or cache replies? Run `rlaif doctor`."
        count = f"{found['same']:,} of {found['prompts']:,} prompts"
        context.progress.note(f"generate: all samples of {count} are identical, so these prompts make no pair. {cause}")


def show_imported(plan: Plan, context: Context) -> None:
    """Store the rendered prompts of imported responses, by the generator's template, for training on them."""
    missing = context.store.query("pipeline/sql/generate/not_rendered")
    if not missing:
        return
    default = str(Generate.model_fields["template"].default)
    template = (
        plan.generators[0].template
        if plan.generators
        else Template(context.config.find(default, ("generate", "template")), VARIABLES)
    )
    asks = [
        {
            "prompt": row["prompt"],
            "generator": row["generator"],
            "messages": json.dumps(show(template, _imported(row))),
        }
        for row in missing
    ]
    context.store.append("rendered_prompts", asks)


def _imported(row: Row) -> Prompt:
    return Prompt(tuple(json.loads(row["messages"])), row["document"], metadata=json.loads(row["metadata"]))

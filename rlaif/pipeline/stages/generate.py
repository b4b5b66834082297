"""Generate: samples the responses that prompts still lack.

A response is identified by prompt, generator and sample number, so that after adding samples, prompts or a model, only the
new responses are pending.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Any

from rlaif.config import Config, GeneratorSettings
from rlaif.config.templates import Template
from rlaif.context.budget import OUTPUT_SHARE, tokens_of
from rlaif.context.run import ATTEMPTS, EVERYTHING, Context, HeldOut, now
from rlaif.core.errors import TRANSIENT, ModelError
from rlaif.core.progress import Tally
from rlaif.core.signals import UnsentError
from rlaif.core.types import Prompt, answer_key, buckets, clean, key, stored
from rlaif.core.workers import StageQueue, run_together, run_workers
from rlaif.models.base import ChatRequest, Completion, Model, prompt_cut
from rlaif.models.reasoning import Split, separate, visible
from rlaif.models.registry import Models
from rlaif.pipeline import versions
from rlaif.pipeline.circuit_breaker import RESPONSE, CircuitBreaker
from rlaif.pipeline.generator import VARIABLES, Generator, render_messages
from rlaif.pipeline.pending import PendingUnits
from rlaif.pipeline.plan import Plan
from rlaif.pipeline.unit_results import UnitResult, store_results
from rlaif.store.store import Row, Store

# The user is warned if at least this share of prompts has only equal samples; a few short answers may be equal by chance.
SAME = 0.5
# The least number of prompts that get more samples at once: with fewer, each round would wait for its slowest reply.
ROUND = 64


class Handover:
    """Passes new texts to the queues of the judges, so that judging them can start at once.

    With `several` generators, a text that two of them wrote is passed once.
    """

    def __init__(self, queues: Sequence[StageQueue[Row]] = (), *, several: bool = False) -> None:
        self._queues, self._passed = queues, set[str]() if several else None
        self._lock = Lock()

    async def room(self) -> None:
        """Wait while a judge is behind."""
        for queue in self._queues:
            await queue.room()

    def put_from_thread(self, batch: "Sequence[Sampled]") -> None:
        """Pass the texts of a stored batch that no judge can have seen."""
        if not self._queues:
            return
        texts = {answer: row for sampled in batch for answer, row in sampled.new_texts.items()}
        if self._passed is not None:
            with self._lock:
                texts = {answer: row for answer, row in texts.items() if answer not in self._passed}
                self._passed.update(texts)
        for queue in self._queues:
            queue.put_from_thread(list(texts.values()))


async def run_pool(
    plan: Plan,
    context: Context,
    models: Models,
    generators: Sequence[Generator],
    *,
    only: HeldOut = EVERYTHING,
    queues: Sequence[StageQueue[Row]] = (),
) -> None:
    """Sample the pending responses of several generators at the same time. The arguments are those of `run`."""
    handover = Handover(queues, several=len(generators) > 1)
    await run_together(run(plan, context, models, generator, only=only, handover=handover) for generator in generators)


async def run(
    plan: Plan,
    context: Context,
    models: Models,
    generator: Generator,
    *,
    only: HeldOut = EVERYTHING,
    handover: Handover | None = None,
) -> None:
    """Sample the pending responses: the configured number for all prompts, or those that `only` selects.

    New texts are passed on by the `handover` to judges that run at the same time.
    """
    listed = (generator.key, generator.name) in [(each.key, each.name) for each in plan.generators]
    versions.use_generator(context.store, generator.key, generator.name, generator.spec, rename=listed)
    pending = PendingUnits(context.store, "generate", "prompt", **pending_parameters(plan.config, generator, only))
    with context.stage(generator.stage, pending.count) as tally:
        if pending.count:
            model = await models.get(generator.model, where=generator.where)
            await _sample_all(context, generator, model, pending, tally, handover or Handover())


async def _sample_all(
    context: Context, generator: Generator, model: Model, pending: PendingUnits, tally: Tally, handover: Handover
) -> None:
    breaker = CircuitBreaker(tally.stage)

    def keep(batch: list[Sampled]) -> None:
        newest = newest_pairing(context.store)
        for response in (response for sampled in batch for response in sampled.outcomes):
            response.update(newest)
        store_results(context.store, batch, tally)
        handover.put_from_thread(batch)

    async def sample(row: Row) -> Sampled:
        await handover.room()
        return await sample_unit(row, generator, model, tally)

    await run_workers(
        context.budget.within(pending, tally, generator.model, lambda row: estimate_unit(row, generator)),
        sample,
        keep,
        concurrency=model.concurrency,
        on_result=lambda sampled: breaker.record(*sampled.failed),
    )
    breaker.finish(partial(context.store.query, RESPONSE, generator=generator.key))
    # In a thread, because other stages have requests in flight.
    await asyncio.to_thread(_warn_of_identical_samples, context, generator)


def pending_parameters(
    config: Config, generator: Generator, only: HeldOut = EVERYTHING, key: str | None = None
) -> dict[str, Any]:
    """Return the parameters of the query `generate/pending`: the samples that `only` selects, else the configured number and
    those added by `top_up`.

    A `key` selects another generator with the same settings.
    """
    wanted = only.samples or generator.settings.samples
    pair = config.pipeline.pair
    return (
        only.parameters
        | _part(config)
        | generator.pick.parameters
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
    return {"part": part, "parts": parts, "reserved": buckets(config.pipeline.collect.held_out)}


def top_up(plan: Plan, store: Store, pairing: str, pairs: int, most: int) -> int:
    """Record that prompts without a pair in `pairing` get more samples; return the number of these prompts.

    It selects about as many prompts as `pairs` are missing, and each generator samples up to `most` responses to a prompt in
    total. The record is stored, so that a stopped round can be resumed.
    """
    before = store.query("SELECT count(*) AS n FROM extra_samples")[0]["n"]
    store.execute(
        "pipeline/sql/generate/add_samples",
        generators=[
            {"generator": each.key, "more": max(1, each.settings.samples // 2)} | each.pick.parameters
            for each in plan.generators
        ],
        pairing=pairing,
        prompts=max(pairs, ROUND),
        most=most,
        **_part(plan.config),
    )
    added = "SELECT count(DISTINCT prompt) AS n FROM extra_samples WHERE rowid >= $before"
    return int(store.rows(added, before=before)[0]["n"])


def estimate_unit(row: Row, generator: Generator) -> tuple[int, float, float]:
    """Return the completions of a unit, and an estimate of its prompt and output tokens."""
    samples = len(row["samples"])
    return samples, tokens_of(row["messages"], row["document"]), samples * generator.settings.max_tokens * OUTPUT_SHARE


@dataclass(frozen=True)
class Sampled(UnitResult):
    """The responses of one request, for the row `pending`."""

    pending: Row

    @property
    def new_texts(self) -> dict[str, Row]:
        """The distinct texts by answer key, with what a judge needs; none if the prompt had responses before, which may be
        equal."""
        if not self.pending["fresh"]:
            return {}
        shared = {
            name: self.pending[name] for name in ("prompt", "messages", "document", "reference", "checklist", "metadata")
        }
        return {each["answer"]: shared | {"text": each["text"]} for each in self.outcomes if not each.get("failure")}


async def sample_unit(row: Row, generator: Generator, model: Model, tally: Tally) -> Sampled:
    """Sample the responses of one pending row. Raises ModelError only for fatal kinds."""
    request = request_of(row, generator)
    tally.add(calls=1)
    try:
        answers: list[Completion | ModelError | None] = list(await model.complete(request))
    except ModelError as error:
        if error.fatal:
            raise
        answers = [error.found.get(place, error) for place in range(request.n)]
    except UnsentError as error:
        if not error.found:
            tally.add(calls=-1)
            raise
        answers = [error.found.get(place) for place in range(request.n)]
    rendered = {"prompt": row["prompt"], "generator": generator.key, "messages": json.dumps(request.messages)}
    sampled = zip(row["samples"], answers, strict=True)
    responses = [_response(row, sample, answer, generator) for sample, answer in sampled if answer]
    return Sampled({"rendered_prompts": [] if row["is_rendered"] else [rendered], "responses": responses}, responses, row)


def request_of(row: Row, generator: Generator) -> ChatRequest:
    """Return the request for the samples of one pending row."""
    settings = generator.settings
    return ChatRequest(
        messages=generator.render(stored(row)),
        sampling=generator.sampling,
        seeds=tuple(int(key("seed", settings.seed, row["prompt"], sample)[:8], 16) >> 1 for sample in row["samples"]),
        top_logprobs=0 if settings.logprobs else None,
        about=row["document"] or row["prompt"],
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


def newest_pairing(store: Store) -> Row:
    """Return the column of a response that says which pairing was the newest when it was stored."""
    newest = store.rows("SELECT number FROM newest_pairing")
    return {"kept_after": newest[0]["number"] if newest else None}


def _warn_of_identical_samples(context: Context, generator: Generator) -> None:
    """Warn if most samples are equal: the temperature is 0, or the server ignores seeds or caches replies."""
    found = context.store.query("pipeline/sql/generate/same", generator=generator.key)[0]
    if found["same"] and found["same"] >= SAME * found["prompts"]:
        cold = generator.settings.temperature == 0
        cause = "The temperature is 0." if cold else "Does the server ignore seeds or cache replies? Run `rlaif doctor`."
        count = f"{found['same']:,} of {found['prompts']:,} prompts"
        context.progress.note(f"generate: all samples of {count} are identical, so these prompts make no pair. {cause}")


def render_imported(plan: Plan, context: Context) -> None:
    """Store the rendered prompts of imported responses, for training on them."""
    missing = context.store.query("pipeline/sql/generate/not_rendered")
    if not missing:
        return
    template = _template_of_imported(plan)
    rendered = [
        {
            "prompt": row["prompt"],
            "generator": row["generator"],
            "messages": json.dumps(render_messages(template, _imported(row))),
        }
        for row in missing
    ]
    context.store.append("rendered_prompts", rendered)


def _template_of_imported(plan: Plan) -> Template:
    """Return the template of the generator; with a pool, that of the `generate` section; without one, the default."""
    if len(plan.generators) == 1:
        return plan.generators[0].template
    section = plan.config.pipeline.generate
    name = section.template if section else str(GeneratorSettings.model_fields["template"].default)
    return Template(plan.config.find(name, ("generate", "template")), VARIABLES)


def _imported(row: Row) -> Prompt:
    return Prompt(tuple(json.loads(row["messages"])), row["document"], metadata=json.loads(row["metadata"]))

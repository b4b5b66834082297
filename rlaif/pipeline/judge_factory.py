"""Build the context of a judge: its model, templates, notes and passage retrieval."""

from functools import partial

from rlaif.config import OpenAIModel
from rlaif.context.metering import MeteredModel, Metering
from rlaif.core.progress import Tally
from rlaif.judging import JudgeContext
from rlaif.judging.judge import Judge
from rlaif.judging.retrieval import Embed, Meanings, Words
from rlaif.judging.sanitize import NEVER, token_pattern
from rlaif.models.base import Model
from rlaif.models.embeddings import embed
from rlaif.models.registry import Models
from rlaif.models.special_tokens import special_tokens
from rlaif.pipeline.prompt_notes import Notes
from rlaif.pipeline.served_model_guard import ServedModelGuard


async def build_judge_context(
    context: Metering, models: Models, judge: Judge, allow_code: bool, tally: Tally
) -> JudgeContext:
    """Return the judge's context, with its models opened through `models`."""
    model: Model | None = None
    if judge.model:
        opened = await models.get(judge.model, where=judge.where, rewards=judge.rewards)
        model = ServedModelGuard(opened, context.facts, judge.key, judge.name)
    notes = Notes(context.facts, judge.key, tally)
    retrieval = Meanings(await _embedder(context, models, judge, judge.retrieval)) if judge.retrieval else Words()
    special = token_pattern(special_tokens(path)) if (path := getattr(judge.model, "path", None)) else NEVER
    return JudgeContext(judge.settings, judge.template, model, allow_code, judge.templates, notes.once, retrieval, special)


async def _embedder(context: Metering, models: Models, judge: Judge, config: OpenAIModel) -> Embed:
    opened = await models.embedder(config, where=judge.where)
    return partial(embed, MeteredModel(context, opened, config, f"judge {judge.name}: retrieval", where=judge.where))

"""Build what a judge works with: its model, templates, notes and retrieval of passages."""

from functools import partial

from rlaif.aside import Aside
from rlaif.config import OpenAIModel
from rlaif.context import Context
from rlaif.judges import Bench
from rlaif.judges.named import Judge
from rlaif.judges.retrieve import Embed, Meanings, Words
from rlaif.models import Models
from rlaif.models.ask import Model
from rlaif.models.embed import embed
from rlaif.notes import Notes
from rlaif.progress import Tally
from rlaif.witness import Witness


async def equip(context: Context, models: Models, judge: Judge, allow_code: bool, tally: Tally) -> Bench:
    """Return the judge's bench, with its models opened through `models`."""
    model: Model | None = None
    if judge.model:
        opened = await models.get(judge.model, where=judge.where, rewards=judge.rewards)
        model = Witness(opened, context.store, judge.key, judge.name)
    notes = Notes(context.store, judge.key, tally)
    retrieval = Meanings(await _embedder(context, models, judge, judge.retrieval)) if judge.retrieval else Words()
    return Bench(judge.settings, judge.template, model, allow_code, judge.templates, notes.once, retrieval)


async def _embedder(context: Context, models: Models, judge: Judge, config: OpenAIModel) -> Embed:
    opened = await models.embedder(config, where=judge.where)
    return partial(embed, Aside(context, opened, config, f"judge {judge.name}: retrieval", where=judge.where))

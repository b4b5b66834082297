"""Collect: the prompts of the pipeline's sources, with the answers, scores and preferences that came with them.

The sources are read whole into a staging folder and then kept in one transaction, so that a mistake in any row leaves
the store as it was. Sources that have not changed since are not read again.

Prompts are facts: once collected they stay, and `collected` says which of them the sources hold now, which is what
later stages work on. A prompt taken out of its source is thus out of play, and back with all that was paid for it when
the source has it again. What else came with the sources is a copy, and follows them.
"""

from rlaif import __version__
from rlaif.config import Source
from rlaif.context import Context, now
from rlaif.errors import InputError
from rlaif.records import key
from rlaif.sources import digest, rows
from rlaif.sources.answers import ELSEWHERE
from rlaif.sources.facts import Facts, criterion_key, imported
from rlaif.sources.staging import Staging

IMPORTED = '{"kind": "imported"}'
# Rows between two updates of the tally.
STEP = 1000


def run(context: Context) -> None:
    """Brings the store's prompts, and what came with them, to what the sources hold."""
    collection = _collection(context)
    if collection is not None and context.store.meta("collection") == collection:
        return
    with (
        context.stage("collect") as tally,
        context.store.folder() as folder,
    ):
        with Staging(folder) as staging:
            for index, source in enumerate(context.config.pipeline.collect.sources):
                facts = Facts(source, staging)
                count = 0
                for count, (at, row) in enumerate(rows(context.config, index), 1):
                    facts.read(at, row)
                    if count % STEP == 0:
                        tally.add(done=STEP)
                tally.add(done=count % STEP)
        _keep(context, str(folder), collection)
    _tell(context)


def _collection(context: Context) -> str | None:
    """A digest of all that the collected facts depend on; None if only reading can tell."""
    config = context.config
    parts = []
    for index, source in enumerate(config.pipeline.collect.sources):
        content = digest(config, index)
        if content is None:
            return None
        parts.append([source.model_dump(mode="json"), content])
    return key("collection", __version__, parts)


def _keep(context: Context, folder: str, collection: str | None) -> None:
    store, sources = context.store, context.config.pipeline.collect.sources
    store.execute("collect/kept", folder=folder)
    with store.transaction():
        store.execute("collect/clear")
        for table in ("changed", "prompts", "collected", "responses", "verdicts", "scores", "comparisons", "dropped"):
            store.execute(f"collect/{table}", folder=folder, now=now())
        store.append("generators", [
            {"key": imported(name), "name": name, "spec": IMPORTED}
            for name in dict.fromkeys(source.generator for source in sources if _has_answers(source))
        ])  # fmt: skip
        judges = dict.fromkeys(judge for source in sources for judge in _judges(source))
        store.append("judges", [{"key": imported(name), "name": name, "spec": IMPORTED} for name in judges])
        criteria = {criterion_key(scores): scores for source in sources for scores in source.scores}
        store.append("criteria", [
            {"key": name, "name": scores.criterion, "kind": "imported", "low": scores.low, "high": scores.high,
             "spec": IMPORTED}
            for name, scores in criteria.items()
        ])  # fmt: skip
        store.append("meta", [{"name": "collection", "value": collection or ""}])
        if not store.query("collect/counts")[0]["prompts"]:
            dropped = ", ".join(f"{row['n']} {row['reason']}" for row in store.query("collect/reasons"))
            raise InputError(
                "the sources hold no prompts",
                where=context.config.file.where(("collect", "sources")),
                fix=f"All rows were dropped: {dropped}." if dropped else "They have no rows.",
            )


def _has_answers(source: Source) -> bool:
    return source.columns.responses is not None or bool(source.preferences and source.preferences.chosen)


def _judges(source: Source) -> list[str]:
    preferences = [source.preferences.judge] if source.preferences else []
    return [scores.judge for scores in source.scores] + preferences


def _tell(context: Context) -> None:
    counts = {name: n for name, n in context.store.query("collect/counts")[0].items() if n or name == "prompts"}
    context.progress.note("collect: " + ", ".join(f"{n:,} {name}" for name, n in counts.items()))
    for row in context.store.query("collect/reasons"):
        advice = " (where that is the real prompt, name its column as columns.prompt)" if row["reason"] == ELSEWHERE else ""
        context.progress.note(f"collect: {row['n']:,} x {row['what']} dropped: {row['reason']}{advice}")
    if unlike := context.store.query("collect/unlike")[0]["n"]:
        context.progress.note(
            f"collect: {unlike:,} x unlike scores of one answer by one judge and criterion: their mean counts"
        )

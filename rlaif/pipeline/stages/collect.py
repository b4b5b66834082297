"""Collect: the prompts of the pipeline's sources, with the responses, scores and preferences that came with them.

All sources are read into a staging folder and then stored in one transaction, so that a mistake in any row leaves the
store as it was. Sources that have not changed since are not read again.

Prompts are facts: once collected they stay. The table `active_prompts` lists those that the sources hold now, and later
stages work on these. A prompt that is removed from its source becomes inactive; when the source has it again, everything
that was paid for it is used again. All other imported data is a copy that follows the sources.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from rlaif import __version__
from rlaif.config import RecordedSource
from rlaif.config.loader import preferences_place
from rlaif.context.run import Context, now
from rlaif.core.errors import InputError
from rlaif.core.progress import Tally
from rlaif.core.types import key
from rlaif.data.sources import digest, rows
from rlaif.data.sources.importer import IMPORTED, Facts, imported
from rlaif.data.sources.recorded import KnownPrompts
from rlaif.data.sources.responses import ELSEWHERE
from rlaif.data.sources.row_errors import Faults
from rlaif.data.sources.source import Origin
from rlaif.data.sources.staging import Staging, staged
from rlaif.store.store import Store

# The positions of the staged prompts to keep: the first of those that differ only in case, spacing and punctuation. Only
# positions are stored, because there may be millions.
_KEPT: Final = """
    CREATE OR REPLACE TEMP TABLE kept AS
    SELECT min(position) AS position FROM staged_prompts GROUP BY normal_key
"""
# Dropped rows counted by reason, with the place of the first one.
DROPPED_BY_REASON: Final = """
    SELECT what, reason, count(*) AS n, min_by(source, rowid) AS first
    FROM dropped GROUP BY what, reason ORDER BY what, reason
"""
# The number of answers with different imported scores by one judge and criterion.
DIFFERING_SCORES: Final = """
    SELECT count(*) AS n
    FROM (
        SELECT answer FROM scores WHERE judge IN (SELECT key FROM judges WHERE spec = '{"kind": "imported"}')
        GROUP BY answer, judge, criterion HAVING min(value) <> max(value)
    )
"""
# The memory that DuckDB may use to store and count the staged rows; more goes to disk.
MEMORY: Final = "300MB"
# The staged rows that are sorted and added at once.
RANGE: Final = 50_000
# Rows between two updates of the tally.
STEP = 1000
# Undeclared codes that a message lists.
CODES = 5


def run(context: Context) -> None:
    """Bring the store's prompts and imported data up to date with the sources."""
    collection = _collection(context)
    if collection is not None and context.store.meta("collection") == collection:
        return
    with context.stage("collect") as tally, context.store.folder() as folder:
        with Staging(folder) as staging:
            sources = context.config.pipeline.collect.sources
            known = KnownPrompts() if any(isinstance(each, RecordedSource) for each in sources) else None
            facts = [_read(context, index, staging, tally, known) for index in range(len(sources))]
        with context.store.memory_limit(MEMORY):
            _keep(context, folder, collection, facts)
            _report(context, facts)


def _read(context: Context, index: int, staging: Staging, tally: Tally, known: KnownPrompts | None) -> Facts:
    """Stage the rows of one source. Raises InputError if too many of them cannot be used."""
    origin = Origin(context.config, index)
    facts = Facts(origin.source, staging, known, origin.where())
    count = 0
    for count, (at, row) in enumerate(facts.parser.peek(rows(context.config, index)), 1):
        facts.read(at, row)
        if count % STEP == 0:
            tally.add(done=STEP)
    tally.add(done=count % STEP)
    _check_rows(context, index, facts.faults)
    _check_recorded(facts, origin)
    _check_codes(context, index, facts)
    return facts


def _check_rows(context: Context, index: int, faults: Faults) -> None:
    share = context.config.pipeline.collect.max_bad_rows
    if faults.too_many(share):
        source = context.config.pipeline.collect.sources[index]
        raise InputError(
            f"{faults.bad:,} of {faults.rows:,} rows of {source.path or source.dataset} are bad, more than "
            f"collect.max_bad_rows allows ({share:.3g}):\n" + "\n".join(faults.listed()),
            where=Origin(context.config, index).where(),
            fix="Correct the rows or the columns that this source names, or raise collect.max_bad_rows.",
        )


def _check_recorded(facts: Facts, origin: Origin) -> None:
    """Check that recorded responses answer prompts of the sources. Raises InputError if none does."""
    if isinstance(facts.source, RecordedSource) and not facts.found_generators:
        raise InputError(
            f"none of the {facts.faults.rows:,} responses of {facts.source.path} answers a prompt of `collect.sources`",
            where=origin.where("path"),
            fix="Add their prompts to `collect.sources`, or name the column that identifies them as `id`.",
        )


def _check_codes(context: Context, index: int, facts: Facts) -> None:
    """Check that a column with codes has a declared one. Raises InputError otherwise."""
    for at, (codes, preferences) in enumerate(zip(facts.codes, facts.source.preferences, strict=True)):
        if codes.unknown and not codes.known:
            found = ", ".join(f"{code} ({count:,} x)" for code, count in codes.unknown.most_common(CODES))
            declared = ", ".join(f"{name}: {code}" for code, name in preferences.meanings.items())
            raise InputError(
                f"column {preferences.column!r} holds no declared code ({declared}), but {found}",
                where=context.config.file.where((*preferences_place(context.config.file, index, at), "first")),
                fix="Declare them as `first`, `second` and `tie`; for numbers on a scale, give `scale`.",
            )


def _collection(context: Context) -> str | None:
    """Return a digest of everything that the collected facts depend on; None if only reading the sources can tell."""
    config = context.config
    parts: list[object] = [config.pipeline.collect.max_bad_rows]
    for index, source in enumerate(config.pipeline.collect.sources):
        content = digest(config, index)
        if content is None:
            return None
        parts.append([source.model_dump(mode="json"), content])
    return key("collection", __version__, parts)


def _keep(context: Context, folder: Path, collection: str | None, facts: Sequence[Facts]) -> None:
    store = context.store
    with store.reading(staged(folder)), store.transaction():
        store.execute(_KEPT)
        _check_metadata(context)
        _replace(store)
        store.append(
            "generators",
            [
                {"key": imported(name), "name": name, "spec": IMPORTED}
                for name in dict.fromkeys(name for each in facts for name in each.generators)
            ],
        )
        judges = dict.fromkeys(name for each in facts for name in each.judges)
        store.append("judges", [{"key": imported(name), "name": name, "spec": IMPORTED} for name in judges])
        criteria = {name: scores for each in facts for name, scores in each.criteria.items()}
        store.append(
            "criteria",
            [
                {
                    "key": name,
                    "name": scores.criterion,
                    "kind": "imported",
                    "low": scores.low,
                    "high": scores.high,
                    "spec": IMPORTED,
                }
                for name, scores in criteria.items()
            ],
        )
        store.append("meta", [{"name": "collection", "value": collection or ""}])
        if not store.query("pipeline/sql/collect/counts")[0]["prompts"]:
            dropped = ", ".join(f"{row['n']} {row['reason']}" for row in store.query(DROPPED_BY_REASON))
            raise InputError(
                "the sources hold no prompts",
                where=context.config.file.where(("collect", "sources")),
                fix=f"All rows were dropped: {dropped}." if dropped else "They have no rows.",
            )


def _replace(store: Store) -> None:
    """Replace the facts of the last collection by the staged ones."""
    store.execute("pipeline/sql/collect/replace")
    time = now()
    for table in ("responses", "verdicts", "scores", "comparisons"):
        count = store.rows(f"SELECT count(*) AS n FROM staged_{table}")[0]["n"]
        for first in range(0, count, RANGE):
            store.execute(f"pipeline/sql/collect/add_{table}", first=first, last=first + RANGE, now=time)


def _check_metadata(context: Context) -> None:
    """Check that nothing in the store was made with metadata that has changed since. Raises InputError."""
    for row in context.store.query("pipeline/sql/collect/metadata_in_use"):
        raise InputError(
            f"the metadata {row['named']!r} of {row['prompts']:,} prompts has changed (first at {row['source']}), and the "
            f"template of {row['what']} {row['name']} has shown the earlier values",
            where=context.config.file.where(("collect", "sources")),
            fix="Restore the earlier values, or set another `out` folder to start over with the new ones.",
        )


def _report(context: Context, sources: Sequence[Facts]) -> None:
    note = context.progress.note
    counts = {name: n for name, n in context.store.query("pipeline/sql/collect/counts")[0].items() if n or name == "prompts"}
    note("collect: " + ", ".join(f"{n:,} {name}" for name, n in counts.items()))
    dropped = context.store.query(DROPPED_BY_REASON)
    for row in dropped:
        advice = " (if that is the real prompt, name its column as columns.prompt)" if row["reason"] == ELSEWHERE else ""
        note(f"collect: {row['n']:,} x {row['what']} dropped: {row['reason']}, first at {row['first']}{advice}")
    if unlike := context.store.query(DIFFERING_SCORES)[0]["n"]:
        note(f"collect: {unlike:,} x different scores of one answer by one judge and criterion: their mean counts")
    for facts in sources:
        for line in _remarks(facts, {row["reason"] for row in dropped}):
            note(f"collect: {line}")


def _remarks(facts: Facts, dropped: set[str]) -> Iterator[str]:
    """Yield further remarks about the rows of one source."""
    name = facts.source.path or facts.source.dataset
    for column, form in facts.parser.forms.items():
        what = "lists written as text" if form == "list" else "transcripts (Human: … Assistant: …)"
        yield f"column {column!r} of {name} holds {what}; they are read as {'lists' if form == 'list' else 'conversations'}"
    for codes, preferences in zip(facts.codes, facts.source.preferences, strict=True):
        if codes.unknown:
            found = ", ".join(f"{code} ({count:,} x)" for code, count in codes.unknown.most_common(CODES))
            yield f"codes in column {preferences.column!r} that are not declared: {found}. Declare a tie as preferences.tie."
    for what, kind in (*facts.faults.kinds.items(), *facts.faults.notes.items()):
        if what not in dropped:
            yield f"{kind.count:,} x {what}, {kind}" + (f". {kind.fix}" if kind.fix else "")

"""Filters, which keep responses and prompts out of every pair by their texts alone, each with one reason.

A filter writes the responses that it drops to the temporary table `filtered`; a null response means the whole prompt.
"""

import glob
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from rlaif.config import Config, Filters, Truncation
from rlaif.config.yaml import YamlFile
from rlaif.core.errors import InputError
from rlaif.core.words import find_words
from rlaif.models.local.checkpoint import locate
from rlaif.pairs.condition import not_met
from rlaif.store import confined
from rlaif.store.confined import quoted
from rlaif.store.store import Row, Store

# The candidates' texts by prompt; within a prompt, in an order that depends on the seed.
_CANDIDATE_TEXTS: Final = """
    SELECT candidates.prompt, candidates.response, text
    FROM candidates JOIN texts ON texts.response = candidates.response
    ORDER BY candidates.prompt, coin
"""
# The texts of every active prompt.
_PROMPT_TEXTS: Final = """
    SELECT prompts.rowid AS prompt, from_json(messages, '[{"content": "VARCHAR"}]') AS turns, document, reference
    FROM prompts SEMI JOIN active_prompts ON active_prompts.prompt = prompts.key ORDER BY position
"""
# The standard error of the estimate is at most 1 / sqrt(permutations), 0.06, and 0.04 near the usual thresholds.
_PERMUTATIONS = 256
# Runs of three words are long enough to mean something and short enough for short responses.
_SHINGLE = 3
# DuckDB's reader functions by file suffix.
_READERS = {
    ".jsonl": "read_json",
    ".ndjson": "read_json",
    ".json": "read_json",
    ".csv": "read_csv",
    ".tsv": "read_csv",
    ".parquet": "read_parquet",
}
# Rows per write to the store.
_BATCH = 4096


def check(config: Config, filters: Filters) -> dict[str, Path]:
    """Return the benchmark files by name, after checking them and the filters' packages.

    Raises InputError if a file is missing or of an unknown kind, or a package is not installed.
    """
    benchmarks = _benchmarks(config, filters)
    for path in benchmarks.values():
        if path.suffix.lower() not in (*_READERS, ".txt"):
            fix = f"Use one of {' '.join(_READERS)} .txt."
            raise InputError("unsupported kind of file", where=str(path), fix=fix)
    if filters.near_duplicates is not None and find_spec("rensa") is None:
        raise InputError(
            "finding near-duplicates needs the package rensa",
            fix="pip install 'rlaif[filters]'",
            where=config.file.where(("pair", "filters", "near_duplicates")),
        )
    return benchmarks


def check_tokenizer(file: YamlFile, filters: Filters) -> None:
    """Check that the tokenizer can be opened, if a filter needs one. Raises InputError otherwise."""
    if filters.truncation:
        _tokenizer(file, filters.truncation)


def digests(files: Mapping[str, Path]) -> dict[str, str]:
    """Return the digests of these files by name."""
    return {name: hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest() for name, path in files.items()}


def _benchmarks(config: Config, filters: Filters) -> dict[str, Path]:
    names = filters.contamination.files if filters.contamination else []
    place = ("pair", "filters", "contamination", "files")
    return {name: config.find(name, (*place, at)) for at, name in enumerate(names)}


def apply(store: Store, filters: Filters, benchmarks: Mapping[str, Path], file: YamlFile) -> None:
    """Fill `filtered`, one filter after the other; each sees only what the filters before it kept."""
    if filters.where is not None:
        _take(store, not_met(store, filters.where, file.where(("pair", "filters", "where"))))
    if filters.contamination:
        _take(store, _contaminated(store, benchmarks, filters.contamination.words))
    lengths = filters.min_length is not None or filters.max_length is not None
    if filters.unfinished == "never" or lengths:
        store.execute(
            "pairs/sql/filter_facts",
            unfinished=filters.unfinished == "never",
            shortest=filters.min_length or 0,
            longest=filters.max_length,
        )
    if filters.truncation:
        _take(store, _same_start(store, file, filters.truncation))
    if filters.near_duplicates is not None:
        _take(store, _near_duplicates(store, filters.near_duplicates))


def _take(store: Store, rows: Iterable[Row]) -> None:
    waiting: list[Row] = []
    for row in rows:
        waiting.append(row)
        if len(waiting) == _BATCH:
            store.append("filtered", waiting)
            waiting.clear()
    store.append("filtered", waiting)


def _words(text: str) -> list[str]:
    return find_words(text.casefold())


def _runs(words: list[str], length: int) -> set[str]:
    """Return all runs of `length` words."""
    return {" ".join(words[start : start + length]) for start in range(len(words) - length + 1)}


def _near_duplicates(store: Store, similarity: float) -> Iterator[Row]:
    """Yield all but one of the responses to a prompt that are nearly the same; the seed decides which one stays.

    Similarity is the Jaccard index of the sets of three-word runs (all words as one run if there are fewer), estimated
    by MinHash (Broder 1997).
    """
    from rensa import RMinHash

    for prompt, rows in groupby(store.stream_by_file(_CANDIDATE_TEXTS), key=lambda row: row["prompt"]):
        kept: list[Any] = []
        for row in rows:
            words = _words(row["text"])
            sketch = RMinHash(num_perm=_PERMUTATIONS, seed=0)
            sketch.update(sorted(_runs(words, min(_SHINGLE, max(len(words), 1)))))
            if any(sketch.jaccard(other) >= similarity for other in kept):
                yield {"prompt": prompt, "response": row["response"], "reason": "near-duplicate of another"}
            else:
                kept.append(sketch)


def _same_start(store: Store, file: YamlFile, truncation: Truncation) -> Iterator[Row]:
    """Yield all but one of the responses to a prompt that a trainer truncates to the same tokens; the seed decides which."""
    tokenizer = _tokenizer(file, truncation)
    for prompt, rows in groupby(store.stream_by_file(_CANDIDATE_TEXTS), key=lambda row: row["prompt"]):
        seen: set[tuple[int, ...]] = set()
        for row in rows:
            tokens = tuple(tokenizer.encode(row["text"], add_special_tokens=False)[: truncation.tokens])
            if tokens in seen:
                yield {"prompt": prompt, "response": row["response"], "reason": "same as another once truncated"}
            seen.add(tokens)


def _tokenizer(file: YamlFile, truncation: Truncation) -> Any:
    where = file.where(("pair", "filters", "truncation", "tokenizer"))
    path = locate(truncation.tokenizer, where=where)
    try:
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(path, trust_remote_code=False)
    except ModuleNotFoundError:
        raise InputError("a tokenizer needs transformers", where=where, fix="pip install 'rlaif[train]'") from None
    except Exception as error:  # Each library that reads checkpoints raises different errors.
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError(
            f"cannot open a tokenizer at {truncation.tokenizer}: {reason}",
            where=where,
            fix="Give the folder or the hub name of the model that you train.",
        ) from None


def _contaminated(store: Store, files: Mapping[str, Path], length: int) -> Iterator[Row]:
    """Yield prompts and responses that contain a run of words of a benchmark's text, or a whole shorter text as a turn."""
    # Text that occurs in several files is reported for the first of them.
    known: dict[str, str] = {}
    whole: dict[str, str] = {}
    for name, path in files.items():
        for text in _texts(path):
            words = _words(text)
            if len(words) < length:
                whole.setdefault(" ".join(words), name)
            for run in _runs(words, length):
                known.setdefault(run, name)
    whole.pop("", None)
    for row in store.stream_by_file(_PROMPT_TEXTS):
        turns = [turn["content"] for turn in row["turns"]]
        found = next((whole[plain] for plain in (" ".join(_words(turn)) for turn in turns) if plain in whole), None)
        found = found or _held([*turns, row["document"], row["reference"]], known, length)
        if found:
            yield {"prompt": row["prompt"], "response": None, "reason": f"holds text of {found}"}
    for row in store.stream_by_file(_CANDIDATE_TEXTS):
        if found := _held([row["text"]], known, length):
            yield {"prompt": row["prompt"], "response": row["response"], "reason": f"holds text of {found}"}


def _held(texts: Iterable[str | None], known: Mapping[str, str], words: int) -> str | None:
    """Return the benchmark of which one of the texts contains a run, or None."""
    for text in texts:
        for run in sorted(_runs(_words(text or ""), words) & known.keys()):
            return known[run]
    return None


def _texts(path: Path) -> Iterator[str]:
    """Yield every text in a benchmark's file, in any column."""
    import duckdb

    suffix = path.suffix.lower()
    if suffix == ".txt":
        with path.open(encoding="utf-8") as lines:
            yield from lines
        return
    # DuckDB reads a file name with * or ? as a pattern, and one with :// as an address.
    if glob.has_magic(str(path.resolve())) or not path.is_file():
        raise InputError("cannot be read: not a plain file name", where=str(path), fix="Rename the file.")
    try:
        # A `key=value` in the path is not read as a column.
        options = ", hive_partitioning = false"
        with confined.connect([path.resolve()]) as connection:
            reader = connection.sql(f"FROM {_READERS[suffix]}({quoted(path.resolve())}{options})").to_arrow_reader(_BATCH)
            for batch in reader:
                yield from _strings(batch.to_pylist())
    except (duckdb.Error, ValueError) as error:
        raise InputError(f"cannot be read: {str(error).splitlines()[0]}", where=str(path)) from None


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _strings(list(value.values()))
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)

"""The folder of pending work that `rlaif pending` writes and workers fill with results.

    work.json                the manifest, written last
    pipeline.yaml, files/    the part of the pipeline that workers need, without secrets
    units/00000.parquet      pending units; all units of a prompt are in one shard
    results/00000.parquet    the results of a finished shard; while it is unfinished, parts in results/00000/
    replies/*                optional: replies to the units' requests that another program collected (JSONL or Parquet)

Every file is written under a temporary name, made durable and renamed, so a file that exists is whole.
"""

import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rlaif.core.errors import InputError
from rlaif.core.files import flush

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT: Final = 1
MANIFEST: Final = "work.json"
PIPELINE: Final = "pipeline.yaml"
# The kinds of units: responses of a generator, calls of a judge, comparisons of a judge.
Kind = Literal["sample", "score", "compare"]
# The shard of facts that belong to no shard, such as what servers report about themselves.
GENERAL: Final = "general"
_TEXT: Final = ("unit", "request", "prompt", "messages", "document", "reference", "checklist", "metadata")
_COLUMNS: Final[dict[Kind, dict[str, str]]] = {
    "sample": {"samples": "numbers", "is_rendered": "flag"},
    "score": {"answer": "text", "text": "text", "call": "number", "repeat": "number", "notes": "text"},
    "compare": {
        "first": "text",
        "second": "text",
        "first_text": "text",
        "second_text": "text",
        "criterion": "text",
        "repeat": "number",
    },
}

Row = dict[str, Any]


class _Part(BaseModel):
    """A part of the manifest."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Shard(_Part):
    """One file of units. `outcomes` is the number of responses or verdicts that they ask for."""

    name: str = Field(pattern=r"^[0-9]{5,}$")
    units: int = Field(ge=0)
    outcomes: int = Field(ge=0)


class Task(_Part):
    """The pending units of one generator or judge: its stage, name, key and spec, and the keys of a judge's criteria."""

    kind: Kind
    stage: str
    name: str
    key: str
    spec: dict[str, Any]
    criteria: list[str] = Field(default_factory=list)
    served: str | None = None
    """The model name that the judge's server reported first."""
    shards: list[Shard]

    @property
    def units(self) -> int:
        return sum(shard.units for shard in self.shards)


class Work(_Part):
    """The manifest of a folder."""

    format: int
    version: str
    """The version of rlaif that wrote the folder."""
    stage: Literal["generate", "judge"]
    tasks: list[Task]


def read_work(folder: Path) -> Work:
    """Read the manifest. Raises InputError if it is missing or was written by another version's format."""
    path = folder / MANIFEST
    try:
        work = Work.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        fix = "Write the work first: `rlaif pending FILE --stage generate --to DIR`."
        raise InputError("not a folder of work: it has no work.json", where=str(folder), fix=fix) from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise InputError(f"cannot be read: {place}: {first['msg']}", where=str(path)) from None
    if work.format != FORMAT:
        raise InputError(f"has format {work.format}, and this version reads {FORMAT}", where=str(path), fix="Update rlaif.")
    return work


def units_path(folder: Path, shard: Shard) -> Path:
    """Return the path of a shard of units."""
    return folder / "units" / f"{shard.name}.parquet"


def read_units(folder: Path, shard: Shard, columns: Sequence[str] | None = None) -> list[Row]:
    """Return the units of a shard, with the two texts of a comparison under `texts`, as judging expects them."""
    rows = read_rows(units_path(folder, shard), columns)
    for row in rows:
        if "first_text" in row:
            row["texts"] = {row["first"]: row["first_text"], row["second"]: row["second_text"]}
    return rows


def write_units(path: Path, kind: Kind, rows: Sequence[Row]) -> None:
    """Write a shard of units."""
    import pyarrow as pa

    types = {"text": pa.string(), "number": pa.int64(), "numbers": pa.list_(pa.int64()), "flag": pa.bool_()}
    columns = dict.fromkeys(_TEXT, types["text"]) | {"attempt": types["number"]}
    columns |= {name: types[kind_of] for name, kind_of in _COLUMNS[kind].items()}
    write_table(path, pa.Table.from_pylist([dict(row) for row in rows], pa.schema(columns.items())))


def write_table(path: Path, table: "pa.Table") -> None:
    """Write a Parquet file durably: a file of this name is whole or missing."""
    import pyarrow.parquet as pq

    with durable(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


@contextmanager
def durable(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to; at the end, make that file durable and rename it to `path`."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield temporary
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    flush(temporary)
    temporary.replace(path)
    if sys.platform != "win32":
        flush(path.parent)


def read_rows(path: Path, columns: Sequence[str] | None = None) -> list[Row]:
    """Return the rows of a Parquet file. Raises InputError if it is damaged, and FileNotFoundError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        rows: list[Row] = pq.read_table(path, columns=columns and list(columns), partitioning=None).to_pylist()
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise InputError(f"not a file of this work: {str(error).splitlines()[0]}", where=str(path)) from None
    return rows


def parts(folder: Path, shard: str) -> list[Path]:
    """Return the files with results of a shard: the merged one first, then its parts."""
    whole = folder / "results" / f"{shard}.parquet"
    return [*([whole] if whole.exists() else []), *sorted((folder / "results" / shard).glob("[!.]*.parquet"))]


def read_results(folder: Path, shard: str, columns: Sequence[str] | None = None) -> Iterator[Row]:
    """Yield the results of a shard, each unit once, and the facts that belong to no unit.

    A part may be merged by a worker at this moment; its rows are then in the merged file, which is read again.
    """
    seen: set[Any] = set()
    while True:
        try:
            for path in parts(folder, shard):
                for row in read_rows(path, columns):
                    name = row["unit"] or row.get("facts")
                    if name is None or name not in seen:
                        seen.add(name)
                        yield row
        except FileNotFoundError:
            continue
        return


def facts_of(row: Mapping[str, Any]) -> dict[str, list[Row]]:
    """Return the facts of a result by table."""
    import orjson

    found: dict[str, list[Row]] = orjson.loads(row["facts"])
    return found

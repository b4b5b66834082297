"""Commands for work beyond one machine: write pending units, do them, and take the results in."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rlaif.cli.app import AllowCode, File, Json, JudgeName, Quiet, Set, app
from rlaif.cli.output import show
from rlaif.cli.session import session, stopping

if TYPE_CHECKING:
    from rich.console import Console

    from rlaif.pipeline.work.ingest import Ingested

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of work.", show_default=False)]


@app.command()
def pending(
    file: File,
    stage: Annotated[
        Literal["generate", "judge"], typer.Option(help="The stage whose units are written.", show_default=False)
    ],
    to: Annotated[Path, typer.Option(metavar="DIR", help="The new folder.", show_default=False)],
    judge: JudgeName = None,
    shard: Annotated[int, typer.Option(help="Units per file, which one worker does.", min=1)] = 1024,
    set: Set = [],
    quiet: Quiet = False,
    allow_code: AllowCode = False,
) -> None:
    """Write the pending units of a stage as Parquet files, for workers on other machines."""
    from rlaif.pipeline.work.pending import write_pending

    with session(file, set, quiet, allow_code=allow_code) as (plan, context):
        judges = [judge] if judge else []
        work = write_pending(plan, context, stage, to, judges=judges, allow_code=allow_code, shard=shard)
        ingest = context.config.command("ingest", str(to))
    units, shards = sum(task.units for task in work.tasks), sum(len(task.shards) for task in work.tasks)
    print(f"{to}: {units:,} units in {shards:,} files. Next: rlaif work {to}, then {ingest}")


@app.command()
def work(
    folder: Folder,
    engine: Annotated[Literal["local", "ray"], typer.Option(help="local is this process; ray is a Ray cluster.")] = "local",
    worker: Annotated[
        str, typer.Option(metavar="I/N", help="local: worker I of N, from 0: its files, and its part of the limits.")
    ] = "0/1",
    address: Annotated[str, typer.Option(help="ray: the cluster's address; auto finds it, local starts one.")] = "auto",
    workers: Annotated[
        int | None, typer.Option(help="ray: number of workers; default: one per node.", min=1, show_default=False)
    ] = None,
    quiet: Quiet = False,
    allow_code: AllowCode = False,
) -> None:
    """Do the units of a folder that `rlaif pending` wrote; finished units are skipped."""
    from rlaif.core.progress import progress
    from rlaif.pipeline.work.ray_engine import work_on_ray
    from rlaif.pipeline.work.share import parse_share
    from rlaif.pipeline.work.worker import work as do

    share, display = parse_share(worker), progress(quiet=quiet)
    with stopping():
        if engine == "ray":
            work_on_ray(folder, address=address, workers=workers, allow_code=allow_code, progress=display)
        else:
            do(folder, share, allow_code=allow_code, progress=display)


@app.command()
def ingest(
    file: File, folder: Folder, set: Set = [], quiet: Quiet = False, json: Json = False, allow_code: AllowCode = False
) -> None:
    """Append the results in a folder of work to the store, each once."""
    from rlaif.pipeline.work.ingest import ingest as take_in

    with session(file, set, quiet, allow_code=allow_code) as (plan, context):
        found = take_in(plan, context, folder, allow_code=allow_code)
    show(found, _render, json)


def _render(found: "list[Ingested]", console: "Console") -> None:
    for each in found:
        failed = ", ".join(f"{count:,} {kind}" for kind, count in sorted(each.failed.items()))
        parts = [
            f"{each.done:,} new",
            f"{failed} failed" if failed else "",
            f"{each.known:,} stored before" if each.known else "",
        ]
        left = f"{each.left:,} units without a result" if each.left else ""
        console.print(f"{each.stage}: {', '.join(filter(None, [*parts, left]))}", soft_wrap=True)

"""The command line: one verb a stage, `run` for all of them, and a few to look at what there is.

Results go to stdout, progress and messages to stderr. Exit codes: 0 done, 1 an error of rlaif's own, 2 a mistake in what
was given, 4 the budget is spent, 5 the store is in use, 6 a model refuses to serve, 7 the store cannot be read or
written, 129, 130 and 143 interrupted.
"""

import json
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rlaif import __version__
from rlaif.errors import RlaifError
from rlaif.stop import STOP

if TYPE_CHECKING:
    from rich.console import Console

    from rlaif.context import Context
    from rlaif.stages.pair import Pairing

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
)  # fmt: skip
tiny = typer.Typer(help="The embedded world, writer and judge.", no_args_is_help=True)
app.add_typer(tiny, name="tiny")
pairs = typer.Typer(help="Look at ways to make pairs.", no_args_is_help=True)
app.add_typer(pairs, name="pairs")

File = Annotated[Path, typer.Argument(help="The pipeline file.", show_default=False)]
Set = Annotated[list[str], typer.Option("--set", help="Override a value: section.key=value.", metavar="A.B=C")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
JudgeName = Annotated[str | None, typer.Option("--judge", help="A judge's name.", show_default=False)]
AllowCode = Annotated[bool, typer.Option("--allow-code", help="Let checks run functions of your own.")]


def _version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def rlaif(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Preference data from AI feedback, and training on it."""


@app.command()
def init(folder: Annotated[Path, typer.Argument(help="A new folder.", show_default=False)]) -> None:
    """Copy prompts, rubrics and pipelines into a folder, to start from."""
    from rlaif.shipped import copy_into

    copy_into(folder)
    print(f"Made {folder}. Next: cd {folder} && rlaif run pipelines/quickstart.yaml")


@app.command()
def run(file: File, set: Set = [], json: Json = False, quiet: Quiet = False, allow_code: AllowCode = False,
        judge: JudgeName = None) -> None:  # fmt: skip
    """Do all that a pipeline file says, or what is left of it."""
    from rlaif import run as running

    if judge:
        set = [*set, f"judge.by=[{judge}]", f"pair.judge={judge}"]
    with _session(file, set, quiet) as context:
        running.check(context.config)
        pairing, evaluation, report = running.everything(context, allow_code=allow_code)
        turns = context.store.query("report/rounds") if context.config.pipeline.rounds else []
    if json:
        _print_json({"rounds": turns, "pairing": pairing, "evaluation": evaluation, "report": str(report)})
        return
    from rlaif.evaluate import render
    from rlaif.rounds import line

    console = _console()
    for turn in turns:
        console.print(line(turn), markup=False, highlight=False)
    if pairing:
        _show_pairing(pairing, console)
        target = context.config.pipeline.pair and context.config.pipeline.pair.target
        if target and pairing.pairs < target:
            console.print(f"{pairing.pairs:,} of {target:,} pairs: every prompt without one has all its samples.")
    if evaluation.matches:
        render(evaluation, console)
    console.print(f"Report: {report}", soft_wrap=True)


@app.command()
def plan(
    file: File,
    pilot: Annotated[int, typer.Option(help="Really do the first so many prompts, to measure lengths.", min=0)] = 0,
    set: Set = [], json: Json = False, quiet: Quiet = False, allow_code: AllowCode = False,
) -> None:  # fmt: skip
    """Show what is owed and what it will cost, before anything is spent."""
    from rlaif.plan import plan as estimate
    from rlaif.plan import render

    with _session(file, set, quiet) as context:
        found = estimate(context, pilot, allow_code=allow_code)
    _print_json(found) if json else render(found, _console())


@app.command()
def doctor(file: File, set: Set = [], json: Json = False) -> None:
    """Check that all is there which a pipeline needs: servers and what they can do, files, disk, store."""
    from rlaif.config import load
    from rlaif.doctor import examine, exit_code, render

    checks = examine(load(file, set))
    _print_json(checks) if json else render(checks, _console())
    raise typer.Exit(exit_code(checks))


@app.command()
def collect(file: File, set: Set = [], quiet: Quiet = False) -> None:
    """Read prompts, and what comes with them, into the store."""
    from rlaif import run as running

    with _session(file, set, quiet) as context:
        running.collect(context)


@app.command()
def generate(file: File, set: Set = [], quiet: Quiet = False) -> None:
    """Sample the responses that are owed."""
    from rlaif import run as running

    with _session(file, set, quiet) as context:
        running.generate(context)


@app.command()
def judge(file: File, set: Set = [], quiet: Quiet = False, judge: JudgeName = None, allow_code: AllowCode = False) -> None:
    """Score the responses that a judge still owes."""
    from rlaif import run as running

    with _session(file, set, quiet) as context:
        running.judge(context, [judge] if judge else [], allow_code=allow_code)


@app.command()
def pair(file: File, set: Set = [], quiet: Quiet = False, judge: JudgeName = None, json: Json = False) -> None:
    """Turn stored scores into pairs; no model is asked."""
    from rlaif import run as running

    with _session(file, set, quiet) as context:
        pairing = running.pair(context, judge)
    _print_json(pairing) if json else _show_pairing(pairing, _console())


@app.command()
def train(
    file: File,
    prepare: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write what `accelerate` needs to train, on several GPUs or machines.")
    ] = None,
    set: Set = [], quiet: Quiet = False, allow_code: AllowCode = False,
) -> None:  # fmt: skip
    """Train the generator's model on the newest pairs, or on rewards."""
    from rlaif import run as running

    with _session(file, set, quiet) as context:
        if prepare is None:
            running.train(context, allow_code=allow_code)
            return
        command = running.prepare_training(context, prepare)
    print(f"{command}\nThen this command again takes the model in." if command else f"Taken in from {prepare}.")


@app.command()
def evaluate(file: File, set: Set = [], quiet: Quiet = False, json: Json = False, allow_code: AllowCode = False) -> None:
    """Compare the trained model, and others, with the base on held-out prompts."""
    from rlaif import run as running
    from rlaif.evaluate import render

    with _session(file, set, quiet) as context:
        evaluation = running.evaluate(context, allow_code=allow_code)
    if json:
        _print_json(evaluation)
    elif evaluation.matches:
        render(evaluation, _console())
    else:
        print("Nothing to compare: no training yet and no `evaluate.models`, or no `evaluate` section.")


@app.command()
def report(file: File, set: Set = [], quiet: Quiet = False) -> None:
    """Write the HTML report of what there is."""
    from rlaif import run as running

    with _session(file, set, quiet) as context:
        print(running.report(context, running.evaluate(context)))


@app.command()
def agree(
    file: File,
    first: Annotated[str, typer.Argument(help="A judge.", show_default=False)],
    second: Annotated[str, typer.Argument(help="Another judge.", show_default=False)],
    set: Set = [], json: Json = False,
) -> None:  # fmt: skip
    """Tell how two judges differ on what both have judged."""
    from rlaif import roles
    from rlaif.evaluate import agreement, render_agreement

    with _session(file, set, True) as context:
        found = agreement(context.store, roles.judge_key(context, first), roles.judge_key(context, second))
    _print_json(found) if json else render_agreement(found, _console())


@app.command()
def audit(
    file: File,
    judge: Annotated[list[str], typer.Option("--judge", help="A judge's name; may be repeated. All, if not given.")] = [],
    gold: Annotated[str | None, typer.Option(help="The judge that is taken to be right.", show_default=False)] = None,
    limit: Annotated[int | None, typer.Option(help="Ask on the first so many prompts only.", min=1)] = None,
    attacks: Annotated[int, typer.Option(help="Answers to change by each attack, which the judge then scores.", min=0)] = 20,
    stored: Annotated[bool, typer.Option("--stored", help="Ask no model: measure what the store has.")] = False,
    plan: Annotated[bool, typer.Option("--plan", help="Show what it would ask and cost; ask nothing.")] = False,
    set: Set = [], json: Json = False, quiet: Quiet = False, allow_code: AllowCode = False,
) -> None:  # fmt: skip
    """Measure whether a judge can be trusted: against gold, on its own, and under attack."""
    from rlaif.audit import render, write
    from rlaif.audit.whole import audit as measure

    if plan:
        _plan_audit(file, set, json, quiet, judge, gold, limit, attacks)
        return
    with _session(file, set, quiet) as context:
        found = measure(context, judge, gold, limit=limit, attacks=attacks, stored=stored, allow_code=allow_code)
        page = context.config.out / "audit.html"
        write(found, context.config.pipeline.name, page)
    if json:
        _print_json(found)
        return
    render(found, _console())
    _console().print(f"Page: {page}", soft_wrap=True)


def _plan_audit(
    file: Path, set: list[str], json: bool, quiet: bool, judge: list[str], gold: str | None, limit: int | None, attacks: int
) -> None:
    from rlaif.plan import plan_audit, render

    with _session(file, set, quiet) as context:
        found = plan_audit(context, judge, gold, limit=limit, attacks=attacks)
    _print_json(found) if json else render(found, _console())


@app.command()
def label(
    file: File,
    by: Annotated[str, typer.Option(help="Who votes. Votes are kept as those of the judge human:NAME.")] = "me",
    limit: Annotated[int | None, typer.Option(help="At most so many pairs.", min=1)] = None,
    per_prompt: Annotated[int, typer.Option(help="Pairs of each prompt.", min=1)] = 1,
    seed: Annotated[int, typer.Option(help="Another seed: other pairs in another order.")] = 0,
    export: Annotated[Path | None, typer.Option(help="Write a sheet to fill in.", show_default=False)] = None,
    import_: Annotated[Path | None, typer.Option("--import", help="Read a filled-in sheet.", show_default=False)] = None,
    set: Set = [],
) -> None:  # fmt: skip
    """Compare answers yourself, blind; the votes are a judge like any other, and the audit's gold."""
    from rlaif import label as labelling
    from rlaif import roles
    from rlaif import run as running

    with _session(file, set, True) as context:
        running.collect(context)
        voter, writers = labelling.Voter(by), roles.generators(context.config)
        if import_:
            new, others = labelling.read(context.store, voter, import_)
            print(f"{new:,} votes by {voter.name}; {others:,} lines were empty or known before.")
            return
        ballots = labelling.ballots(context.store, voter, writers, per_prompt=per_prompt, limit=limit, seed=seed)
        if export:
            labelling.write(ballots, export)
            print(f"{len(ballots):,} pairs to vote on: {export}")
        elif not ballots:
            print("Nothing to vote on: no prompt has two answers, or all have your votes.")
        else:
            votes = labelling.ask(context.store, voter, ballots, _console())
            print(f"{votes:,} votes by {voter.name} are kept. The same command goes on with the rest.")


@app.command()
def export(
    file: File,
    folder: Annotated[Path, typer.Argument(help="Where the files go.", show_default=False)],
    form: Annotated[str, typer.Option(help="preference, unpaired, reward, soft, sft or ranked.")] = "preference",
    format: Annotated[list[str], typer.Option(help="jsonl, parquet or datasets; may be repeated.")] = ["parquet"],
    set: Set = [],
) -> None:  # fmt: skip
    """Write the newest pairs as files that trainers read."""
    from rlaif import run as running

    with _session(file, set, True) as context:
        done = running.export(context, folder, format, form)
    print(", ".join(f"{split}: {count:,} rows" for split, count in done.rows.items()))
    for reason, count in done.left_out.items():
        print(f"left out: {count:,} {reason}")


@app.command()
def push(
    file: File,
    repo: Annotated[str, typer.Argument(help="The data set's place on the hub: owner/name.", show_default=False)],
    form: Annotated[str, typer.Option(help="preference, unpaired, reward, soft, sft or ranked.")] = "preference",
    token: Annotated[str, typer.Option(help="Where the hub's token is: env:NAME.")] = "env:HF_TOKEN",
    public: Annotated[bool, typer.Option("--public", help="For everybody to see; a new one is private otherwise.")] = False,
    set: Set = [],
) -> None:  # fmt: skip
    """Put the newest pairs on the Hugging Face Hub, with their card, in one commit."""
    from rlaif import run as running
    from rlaif.export.push import push as send

    with _session(file, set, True) as context:
        done = running.export(context, context.config.out / "pushed", ["parquet"], form)
    print(f"{send(done.folder, repo, token=token, public=public)} holds {done.folder}")


@app.command()
def status(file: File, set: Set = [], json: Json = False) -> None:
    """Show what the store holds, and what each stage has done and cost."""
    from rlaif import run as running
    from rlaif.config import load
    from rlaif.spent import money
    from rlaif.store import Store

    config = load(file, set)
    with Store(config.store_path, read_only=True) as store:
        found = running.status(config, store)
    if json:
        _print_json(found)
        return
    for row in found["spent"]:
        row["usd"] = money(row["usd"], row.pop("price"))
    for title, rows in found.items():
        if rows:
            _console().print(_table(title, rows))


@app.command()
def retry(
    file: File,
    kind: Annotated[list[str], typer.Option(help="A kind of failure, such as timeout; may be repeated.")] = [],
    set: Set = [], json: Json = False,
) -> None:  # fmt: skip
    """Owe again what failed and was given up; `plan` shows what that costs, and `run` asks."""
    from rlaif.retry import retry as owe

    with _session(file, set, True) as context:
        found = owe(context, kind)
    if json:
        _print_json(found)
    elif found:
        _console().print(_table("Owed again", found))
    else:
        print("Nothing has failed of these kinds.")


@app.command()
def explain(
    file: File,
    prompt: Annotated[str, typer.Argument(help="The start of a prompt's id, or a response's id.", show_default=False)],
    set: Set = [], json: Json = False,
) -> None:  # fmt: skip
    """Tell the whole story of one prompt, from sampling to pair."""
    from rlaif.config import load
    from rlaif.explain import explain as tell
    from rlaif.explain import render
    from rlaif.store import Store

    with Store(load(file, set).store_path, read_only=True) as store:
        story = tell(store, prompt)
    _print_json(story) if json else render(story, _console())


@app.command("sql")
def show_sql(
    file: File,
    statement: Annotated[str, typer.Argument(help="What to read, as SQL.", show_default=False)],
    set: Set = [], json: Json = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print the rows as CSV.")] = False,
) -> None:  # fmt: skip
    """Read the store by SQL; nothing can be changed."""
    from rlaif.config import load
    from rlaif.query import as_csv, query, render
    from rlaif.store import Store

    with Store(load(file, set).store_path, read_only=True) as store:
        rows = query(store, statement)
    if csv:
        print(as_csv(rows), end="")
    else:
        _print_json(rows) if json else render(rows, _console())


@app.command()
def schema() -> None:
    """Print the JSON Schema of pipeline files, for editors."""
    from rlaif.config import Pipeline

    _print_json(Pipeline.model_json_schema())


@app.command("config")
def show_config(file: File, set: Set = []) -> None:
    """Print the whole pipeline as it will run, defaults filled in."""
    from rlaif.config import load
    from rlaif.run import resolved

    print(resolved(load(file, set)))


@pairs.command("diff")
def pairs_diff(
    file: File,
    a: Annotated[list[str], typer.Option("--a", help="One way: section.key=value; may be repeated.", metavar="A.B=C")] = [],
    b: Annotated[list[str], typer.Option("--b", help="The other way.", metavar="A.B=C")] = [],
    examples: Annotated[int, typer.Option(help="Pairs to show, of each kind of change.", min=0)] = 2,
    set: Set = [], json: Json = False,
) -> None:  # fmt: skip
    """Tell what another strategy, judge, weight or margin would change; nothing is asked and nothing kept."""
    from rlaif.diff import compare, render

    with _session(file, set, True) as context:
        found = compare(context, a, b, examples=examples)
    _print_json(found) if json else render(found, _console())


@tiny.command("train")
def tiny_train(
    out: Annotated[Path, typer.Argument(help="Where the two checkpoints go.", show_default=False)],
    seed: Annotated[int, typer.Option(help="Another seed, other models.")] = 0,
) -> None:
    """Make the tiny writer and judge from a seed: two cores, under two hours."""
    from rlaif.tiny.train import train

    train(out, seed)


@tiny.command("requests")
def tiny_requests(
    count: Annotated[int, typer.Argument(help="How many.")] = 100,
    seed: Annotated[int, typer.Option(help="Another seed, other requests.")] = 0,
) -> None:
    """Print requests of the tiny world as JSONL."""
    from rlaif.tiny.world import requests

    for row in requests(count, seed):
        print(json.dumps(row))


@contextmanager
def _session(file: Path, overrides: list[str], quiet: bool) -> "Iterator[Context]":
    from rlaif.config import load
    from rlaif.progress import progress
    from rlaif.run import opened

    config = load(file, overrides)
    try:
        with opened(config, progress(quiet=quiet)) as context:
            yield context
    except (KeyboardInterrupt, RuntimeError) as error:
        # DuckDB makes a RuntimeError of an interrupt in the middle of a query.
        if isinstance(error, RuntimeError) and not STOP.asked:
            raise
        print(f"\nStopped. All that was finished is kept; the same command goes on from there: {_again()}", file=sys.stderr)
        if any(config.batches.glob("*.json")):
            print("Batches that were sent go on at the vendor; that command takes their answers.", file=sys.stderr)
        raise typer.Exit(STOP.exit_code or 130) from None


def _again() -> str:
    return shlex.join(["rlaif", *sys.argv[1:]])


def _console() -> "Console":
    from rich.console import Console

    return Console(highlight=False)


def _show_pairing(pairing: "Pairing", console: "Console") -> None:
    rows: list[dict[str, Any]] = [{"outcome": name, "prompts": count} for name, count in pairing.outcomes.items()]
    console.print(_table(f"{pairing.pairs:,} pairs", rows))


def _table(title: str, rows: list[dict[str, Any]]) -> Any:
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for name, value in rows[0].items():
        table.add_column(name, justify="right" if isinstance(value, int | float) else "left")
    for row in rows:
        table.add_row(*(f"{value:,}" if isinstance(value, int | float) else str(value) for value in row.values()))
    return table


def _print_json(value: Any) -> None:
    import dataclasses

    def plain(item: Any) -> Any:
        if dataclasses.is_dataclass(item) and not isinstance(item, type):
            return {field.name: getattr(item, field.name) for field in dataclasses.fields(item)}
        return str(item)

    print(json.dumps(value, default=plain, indent=2))


def main() -> None:
    """The `rlaif` command: errors of known kinds print without a traceback."""
    STOP.listen()
    try:
        app()
    except RlaifError as error:
        print(f"rlaif: {error}", file=sys.stderr)
        sys.exit(error.exit_code)

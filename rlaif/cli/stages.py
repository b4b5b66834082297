"""One verb a stage, and the report of them all."""

from pathlib import Path
from typing import Annotated

import typer

from rlaif.cli.app import AllowCode, File, Json, JudgeName, Quiet, Set, app
from rlaif.cli.session import session
from rlaif.cli.show import print_json, render_pairing, show, terminal


@app.command()
def collect(file: File, set: Set = [], quiet: Quiet = False) -> None:
    """Read prompts, and what comes with them, into the store."""
    from rlaif import run as running

    with session(file, set, quiet) as context:
        running.collect(context)


@app.command()
def generate(file: File, set: Set = [], quiet: Quiet = False, allow_code: AllowCode = False) -> None:
    """Sample the responses that are owed."""
    from rlaif import run as running

    with session(file, set, quiet, allow_code=allow_code) as context:
        running.generate(context)


@app.command()
def judge(file: File, set: Set = [], quiet: Quiet = False, judge: JudgeName = None, allow_code: AllowCode = False) -> None:
    """Score the responses that a judge still owes."""
    from rlaif import run as running

    with session(file, set, quiet, allow_code=allow_code) as context:
        running.judge(context, [judge] if judge else [], allow_code=allow_code)


@app.command()
def pair(file: File, set: Set = [], quiet: Quiet = False, judge: JudgeName = None, json: Json = False) -> None:
    """Turn stored scores into pairs; no model is asked."""
    from rlaif import run as running

    if judge:
        set = [*set, f"pair.judge={judge}"]
    with session(file, set, quiet) as context:
        pairing = running.pair(context)
    show(pairing, render_pairing, json)


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

    with session(file, set, quiet, allow_code=allow_code) as context:
        if prepare is None:
            print(running.train(context, allow_code=allow_code).path)
            return
        command = running.prepare_training(context, prepare)
    print(f"{command}\nThen this command again takes the model in." if command else f"Taken in from {prepare}.")


@app.command()
def evaluate(file: File, set: Set = [], quiet: Quiet = False, json: Json = False, allow_code: AllowCode = False) -> None:
    """Compare the trained model, and others, with the base on held-out prompts."""
    from rlaif import run as running
    from rlaif.evaluate import render

    with session(file, set, quiet, allow_code=allow_code) as context:
        evaluation = running.evaluate(context, allow_code=allow_code)
    if json:
        print_json(evaluation)
    elif evaluation.matches:
        render(evaluation, terminal())
    else:
        print("Nothing to compare: no training yet and no `evaluate.models`, or no `evaluate` section.")


@app.command()
def report(file: File, set: Set = [], quiet: Quiet = False, allow_code: AllowCode = False) -> None:
    """Write the HTML report of what there is."""
    from rlaif import run as running

    with session(file, set, quiet, filled=True, allow_code=allow_code) as context:
        print(running.report(context, running.evaluate(context, allow_code=allow_code)))

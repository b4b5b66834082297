"""Has a model propose a better rubric from pairs on which a judge disagrees with a gold standard.

The proposal becomes a new file beside the judge's rubric; nothing uses it until a person names it in the pipeline file.
"""

import difflib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import yaml

from rlaif.config.resources import root
from rlaif.config.yaml import read_yaml
from rlaif.context.budget import OUTPUT_SHARE, tokens_of
from rlaif.context.run import Context, now
from rlaif.core.errors import ModelError
from rlaif.core.signals import UnsentError
from rlaif.core.types import Message, key
from rlaif.core.workers import run_workers
from rlaif.judging.criteria.scale import RETRIED
from rlaif.judging.parsing import require_whole, wrapping_of
from rlaif.judging.proposal import SCHEMA, Improved, improve, parse_proposal
from rlaif.judging.rubric import Rubric
from rlaif.models.base import ChatRequest, Completion, Model, Sampling
from rlaif.models.registry import Models, identity
from rlaif.pipeline.rubric_prompt import Task, shorten
from rlaif.pipeline.scheduler import run_stage
from rlaif.store.store import Row

STAGE: Final = "rubric suggest"
MAX_TOKENS: Final = 4096
# One retry, which shows the model what was wrong with its reply.
ATTEMPTS: Final = 2
# Characters of an error that a retry shows: it may quote the reply.
MOST_ERROR: Final = 300
_WIDTH: Final = 100


@dataclass(frozen=True)
class Suggestion:
    """The outcome: the new file (None if the model proposes no change), the model's analysis, and a diff of the rubrics.

    The model has seen `shown` of `disagreements` pairs, of `pairs` that the gold orders in the first part of the prompts.
    """

    judge: str
    gold: str
    model: str
    pairs: int
    disagreements: int
    shown: int
    analysis: str
    added: Sequence[str]
    reworded: Sequence[str]
    rubric: Path | None
    diff: str


def suggest(context: Context, task: Task) -> Suggestion:
    """Ask the model for a proposal, unless the store holds its reply, and write the new rubric. Overwrites no file.

    Raises ModelError, with the kind of the failure, if the reply to the retry is not usable either.
    """
    raw = read_yaml(task.current.path).data
    row = _reply(context, task)
    if row is None or row["failure"]:
        run_stage(context, partial(_ask, context, task=task, raw=raw))
        row = _reply(context, task)
    if row is None:
        raise UnsentError
    if row["failure"]:
        detail = (
            f"{task.name} gave no usable proposal ({row['failure']}): {row['detail']}. Run the same command to ask again."
        )
        raise ModelError(row["failure"], detail, raw=row["raw"])
    proposal = parse_proposal(row["raw"], "reasoning" if row["reasoning"] is None else "fence")
    improved = improve(raw, task.current.judge.rubric, proposal)
    path, diff = None, ""
    if improved.added or improved.reworded:
        path = _write(context, task, improved)
        diff = _diff((str(task.current.path), to_yaml(raw)), (str(path), to_yaml(improved.data)))
    return Suggestion(
        judge=task.current.judge.name,
        gold=task.current.gold.name,
        model=task.name,
        pairs=task.pairs,
        disagreements=task.disagreements,
        shown=task.shown,
        analysis=proposal.analysis,
        added=improved.added,
        reworded=improved.reworded,
        rubric=path,
        diff=diff,
    )


def _reply(context: Context, task: Task) -> Row | None:
    """Return the stored reply to this request: a usable one, or else the last failure; None if it was never sent."""
    rows = context.store.query(
        "SELECT raw, reasoning, failure, detail, attempt FROM verdicts WHERE key = $key "
        "ORDER BY failure IS NULL DESC, attempt DESC LIMIT 1",
        key=task.key,
    )
    return rows[0] if rows else None


async def _ask(context: Context, models: Models, *, task: Task, raw: Mapping[str, Any]) -> None:
    store = context.store
    if not store.query("SELECT key FROM judges WHERE key = $key LIMIT 1", key=task.proposer):
        spec = {"kind": "proposer", "model": identity(task.model, where=task.where)}
        store.append("judges", [{"key": task.proposer, "name": STAGE, "spec": json.dumps(spec)}])
    before = _reply(context, task)
    attempt = 0 if before is None else before["attempt"] + 1
    model = await models.get(task.model, where=task.where)
    rubric = task.current.judge.rubric

    async def tasks() -> AsyncIterator[Task]:
        yield task

    with context.stage(STAGE, 1) as tally:

        async def ask(task: Task) -> Row:
            row = await _verdict(model, task, raw, rubric, attempt)
            tally.add(calls=row["calls"])
            return row

        def keep(rows: list[Row]) -> None:
            store.append("verdicts", rows)
            for row in rows:
                tally.finish(row)

        units = context.budget.within(tasks(), tally, task.model, guess)
        await run_workers(units, ask, keep, concurrency=1)


def guess(task: Task) -> tuple[int, float, float]:
    """Return the number of units (1), and an estimate of its prompt and output tokens."""
    return 1, tokens_of(task.content), MAX_TOKENS * OUTPUT_SHARE


async def _verdict(model: Model, task: Task, raw: Mapping[str, Any], rubric: Rubric, attempt: int) -> Row:
    """Ask for a proposal, and once more with the error if the reply cannot be used. Raises ModelError for fatal kinds."""
    messages, row = task.messages, dict[str, Any]()
    prompt_tokens = output_tokens = calls = 0
    for number in range(ATTEMPTS):
        reply = Completion("")
        failure: ModelError | None = None
        try:
            calls += 1
            reply = (await model.complete(_request(task, messages, attempt, number)))[0]
            require_whole(reply)
            improve(raw, rubric, parse_proposal(reply.text, wrapping_of(reply)))
        except ModelError as error:
            if error.fatal:
                raise
            failure = error
        # Servers that report no counts are charged by characters.
        shown = tokens_of(*(turn["content"] for turn in messages))
        prompt_tokens += round(shown) if reply.prompt_tokens is None else reply.prompt_tokens
        output_tokens += round(tokens_of(reply.text)) if reply.output_tokens is None else reply.output_tokens
        row = {"raw": reply.text, "reasoning": reply.reasoning}
        row |= {"failure": failure and failure.kind, "detail": failure and str(failure)}
        if failure is None or failure.kind not in RETRIED:
            break
        messages = [*task.messages, *_correction(reply.text, str(failure))]
    counts = {"calls": calls, "prompt_tokens": prompt_tokens, "output_tokens": output_tokens}
    whose = {"key": task.key, "judge": task.proposer, "repeat": 0, "attempt": attempt, "created": now()}
    return whose | row | counts


def _correction(reply: str, error: str) -> list[Message]:
    words = f"Your reply cannot be used: {shorten(error, MOST_ERROR)}. Reply again with one JSON object and nothing else."
    return [{"role": "assistant", "content": reply}, {"role": "user", "content": words}]


def _request(task: Task, messages: Sequence[Message], attempt: int, number: int) -> ChatRequest:
    return ChatRequest(
        messages=messages,
        sampling=Sampling(
            0.0, max_tokens=(number + 1) * MAX_TOKENS + task.current.judge.settings.reasoning_tokens, chosen=False
        ),
        seeds=(int(key("proposal seed", task.key, attempt, number)[:8], 16) >> 1,),
        schema=SCHEMA,
        follows=number > 0,
    )


def to_yaml(data: Mapping[str, Any]) -> str:
    """Return a rubric as YAML that people can read, with its levels as numbers."""
    data = deepcopy(dict(data))
    for criterion in data.get("criteria", []):
        if isinstance(criterion.get("levels"), dict):
            criterion["levels"] = {int(level): text for level, text in criterion["levels"].items()}
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=_WIDTH)


def _write(context: Context, task: Task, improved: Improved) -> Path:
    """Write the new rubric to the first free name, and return its path; a file that holds the same already is kept."""
    old, config = task.current.path, context.config
    # Files inside the installed package are not the user's.
    shipped = root().name == "shipped" and old.resolve().is_relative_to(root().resolve())
    folder = config.file.path.parent if shipped else old.parent
    stem, _, version = old.stem.rpartition("_v")
    stem, number = (stem, int(version)) if stem and version.isdecimal() else (old.stem, 1)
    text = _header(task, old) + to_yaml(improved.data)
    while True:
        number += 1
        path = folder / f"{stem}_v{number}.yaml"
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
            return path
        except FileExistsError:
            if path.read_text(encoding="utf-8") == text:
                return path


def _header(task: Task, old: Path) -> str:
    lines = [line for line in old.read_text(encoding="utf-8").partition("\nname:")[0].split("\n") if line.startswith("#")]
    judge, gold = task.current.judge.name, task.current.gold.name
    lines += [
        f"# Proposed by {task.name} from {task.shown} pairs on which {judge} disagrees with {gold}. It changes {old.name}.",
        "# Compare the two with `rlaif rubric compare` before you use it.",
    ]
    return "\n".join(lines) + "\n"


def _diff(old: tuple[str, str], new: tuple[str, str]) -> str:
    """Return the differences of two files, each given as name and text."""
    (before, old_text), (after, new_text) = old, new
    lines = difflib.unified_diff(old_text.splitlines(), new_text.splitlines(), before, after, n=2, lineterm="")
    return "\n".join(lines)

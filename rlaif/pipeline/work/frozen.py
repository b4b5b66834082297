"""The part of a pipeline that workers need, written into the folder of work, and loaded from there.

It is a pipeline file like any other, so a worker loads and resolves it as every command does, and its keys follow from the
same content. Secrets never enter a pipeline file; workers read them from the same environment variables.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from rlaif.config import Config, ModelConfig, OpenAIModel, ServerFile, load
from rlaif.config.models import ServedModel
from rlaif.context import pricing
from rlaif.context.run import Context
from rlaif.core import functions
from rlaif.core.errors import BudgetError, InputError
from rlaif.judging import formats
from rlaif.judging.judge import Judge
from rlaif.pipeline.generator import Generator
from rlaif.pipeline.plan import Plan
from rlaif.pipeline.resolve import resolve
from rlaif.pipeline.work.folder import PIPELINE, Task, Work, durable

Data = dict[str, Any]


def freeze(context: Context, folder: Path, generators: Sequence[Generator], judges: Sequence[Judge]) -> None:
    """Write the pipeline of these generators and judges, with the files that it names, into the folder.

    Raises InputError for a part that exists only in this process, and BudgetError if the budget is spent.
    """
    pipeline = context.config.pipeline
    data: Data = {"name": pipeline.name, "models": {}, "collect": _collect(generators, judges)}
    used: list[ModelConfig | None] = [each.model for each in generators]
    used += [model for judge in judges for model in (judge.model, judge.retrieval)]
    budget = _remaining(context)
    _link_server_files(folder, [model.base_url for model in used if isinstance(model, OpenAIModel)])
    for name, model in pipeline.models.items():
        if model in used:
            data["models"][name] = model.model_dump(mode="json", exclude_unset=True) | _price(model, budget)
    data |= {"budget": budget} if budget else {}
    if generators and pipeline.generate:
        data["generate"] = _generate(context.config, folder, generators)
    if judges:
        data["judges"] = {judge.name: _judge(folder, judge, number) for number, judge in enumerate(judges)}
    _write(folder / PIPELINE, yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=120))


def thaw(folder: Path, work: Work, overrides: Sequence[str] = (), *, allow_code: bool = False) -> Plan:
    """Load the pipeline of the folder. Raises InputError if it does not describe the folder's work.

    That is so if a checkpoint or a user's check differs on this machine, or if another version of rlaif computes other keys.
    """
    plan = resolve(load(folder / PIPELINE, list(overrides), allow_code=allow_code))
    for task in work.tasks:
        if maker_of(plan, task).key != task.key:
            raise InputError(
                f"{task.stage}: {task.name} is another one here than where the work was written: {different(task, plan)}",
                where=str(folder),
                fix=f"Use the same checkpoint, checks and version of rlaif ({work.version}).",
            )
    return plan


def maker_of(plan: Plan, task: Task) -> Generator | Judge:
    """Return the generator or judge of a task, found by name. Raises InputError if the plan has none of that name."""
    if task.kind != "sample":
        return plan.judge(task.name)
    found = [each for each in plan.generators if each.name == task.name]
    if not found:
        raise InputError(f"no generator is called {task.name!r}", where=plan.config.file.where(("generate",)))
    return found[0]


def different(task: Task, plan: Plan) -> str:
    """Return what differs between the maker of a task and the one that the plan has under its name."""
    from rlaif.pipeline.config_diff import differences

    maker = maker_of(plan, task)
    lines = list(differences(task.spec, json.loads(json.dumps(maker.spec))))
    if isinstance(maker, Judge):
        names = [each.name for each in maker.rubric.criteria if each.key not in task.criteria]
        missing = len(set(task.criteria) - {each.key for each in maker.rubric.criteria})
        lines += [f"the criteria {', '.join(names)} are new or changed"] if names else []
        lines += [f"{missing} criteria of the work are gone or changed"] if missing else []
    return "; ".join(lines)


def _link_server_files(folder: Path, sources: Sequence[object]) -> None:
    """Make files of servers, which change while workers run, readable in the folder; elsewhere, put a file there."""
    for source in sources:
        if isinstance(source, ServerFile) and not Path(source.file).is_absolute() and not (folder / source.file).exists():
            (folder / source.file).parent.mkdir(parents=True, exist_ok=True)
            (folder / source.file).symlink_to(source.path.resolve())


def _collect(generators: Sequence[Generator], judges: Sequence[Judge]) -> Data:
    """Return a section that names the metadata in use; workers collect nothing."""
    metadata = {name for each in generators for name in each.template.metadata} | {
        name for judge in judges for name in judge.metadata
    }
    criteria = [criterion for judge in judges for criterion in judge.rubric.criteria if criterion.kind == "check"]
    metadata |= {name for criterion in criteria for name in criterion.columns.values()}
    columns = {"columns": {"metadata": sorted(metadata)}} if metadata else {}
    return {"sources": [{"path": "units", **columns}]}


def _generate(config: Config, folder: Path, generators: Sequence[Generator]) -> Data:
    assert config.pipeline.generate
    several = bool(config.pipeline.generate.generators)
    pool = []
    for number, each in enumerate(generators):
        settings = each.settings.model_dump(mode="json", exclude_unset=True)
        settings.pop("always", None)
        settings["template"] = _template(folder, f"files/generate-{number}.jinja", each.template.text)
        if each.systems:
            lines = "".join(json.dumps({"system": text}, ensure_ascii=False) + "\n" for text in each.systems)
            settings["system"] = {"file": _write(folder / f"files/systems-{number}.jsonl", lines), "column": "system"}
        pool.append(settings)
    return {"generators": pool} if several else pool[0]


def _judge(folder: Path, judge: Judge, number: int) -> Data:
    for criterion in judge.rubric.criteria:
        if criterion.kind == "check" and functions.is_reference(criterion.function):
            what = f"the check {criterion.function} exists only in the program that registered it"
            raise InputError(what, where=judge.where, fix="Put it into a module and name it as `module:function`.")
    settings = judge.settings.model_dump(mode="json", exclude_unset=True)
    settings["template"] = _template(folder, f"files/judge-{number}.jinja", judge.template.text)
    rubric = json.dumps(judge.rubric.model_dump(mode="json"), indent=1, ensure_ascii=False)
    settings["rubric"] = _write(folder / f"files/rubric-{number}.yaml", rubric)
    for name, template in judge.templates.items():
        _template(folder, formats.template_file(name, judge.settings.format), template.text)
    return settings


def _template(folder: Path, name: str, text: str) -> str:
    return _write(folder / name, text)


def _write(path: Path, text: str) -> str:
    """Write a file of the folder; return its name relative to the folder of the pipeline file."""
    with durable(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")
    return f"{path.parent.name}/{path.name}"


def _remaining(context: Context) -> Data:
    """Return what is left of the budget; empty without one. Raises BudgetError if it is spent."""
    cap = context.config.pipeline.budget
    if cap is None:
        return {}
    rows = [*context.budget.here(), *context.budget.elsewhere]
    left: Data = {}
    if cap.tokens is not None:
        left["tokens"] = cap.tokens - sum(row.tokens for row in rows)
    if cap.usd is not None:
        left["usd"] = cap.usd - sum(row.usd or 0.0 for row in rows)
    if any(value <= 0 for value in left.values()):
        where = context.config.file.where(("budget",))
        raise BudgetError(f"the budget is spent. Raise `budget` ({where}) and run the same command.")
    return left


def _price(model: ModelConfig, budget: Data) -> Data:
    """Return the model's price, which workers may be unable to look up, if the budget needs it."""
    if "usd" not in budget or model.price or not isinstance(model, ServedModel):
        return {}
    rate = pricing.rate(model)
    if rate is None or (isinstance(model, OpenAIModel) and model.mode == "batch"):
        return {}
    return {"price": {"input": rate.input, "output": rate.output, "cached_input": rate.cached_input}}

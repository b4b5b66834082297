"""Render a plan as tables for a terminal."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from rlaif.context.spending import Spent, money
from rlaif.estimate.types import Line, Plan, Range, exactly

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def render(plan: Plan, console: "Console") -> None:
    """Print the pending work and its cost, the spending so far, and whether the budget suffices."""
    if plan.lines:
        _render_pending(plan, console)
    else:
        console.print("No model calls are pending.")
    render_spent(plan.spent, console)
    for verdict in _budget(plan):
        console.print(verdict)


def summary(plan: Plan) -> str:
    """Summarize the pending work: the number of requests and their cost."""
    requests = sum(line.requests for line in plan.lines)
    return f"{requests:,} requests, cost {_together(plan)}".replace("\n", " (") + (")" if "\n" in _together(plan) else "")


def _render_pending(plan: Plan, console: "Console") -> None:
    from rich.table import Table

    table = Table(title="Pending: expected, and from low to high", title_justify="left", show_footer=True)
    _names(table, "total")
    _number(table, "requests", f"{sum(line.requests for line in plan.lines):,}")
    _number(table, "prompt\ntokens", _tokens(_sum(line.prompt_tokens for line in plan.lines)))
    _number(table, "output\ntokens", _tokens(_sum(line.output_tokens for line in plan.lines)))
    _number(table, "cost", _together(plan))
    for line in plan.lines:
        asks = f"{line.requests:,}" + (
            f" x {line.completions / line.requests:.3g}" if line.completions > line.requests else ""
        )
        cost = _dollars(line.usd) if line.usd and line.price != "local" else line.price
        table.add_row(line.stage, line.model, asks, _tokens(line.prompt_tokens), _tokens(line.output_tokens), cost)
    console.print(table)
    stages: dict[str, list[str]] = {}
    for line in plan.lines:
        stages.setdefault(_basis(line), []).append(line.stage)
    for basis, names in stages.items():
        console.print(f"{', '.join(names)}: {basis}.")


def render_spent(rows: Sequence[Spent], console: "Console") -> None:
    """Print what each stage has spent on each model, over all runs."""
    from rich.table import Table

    if not rows:
        return
    table = Table(title="Spent so far, over all runs", title_justify="left")
    _names(table)
    for name in ("replies", "prompt\ntokens", "output\ntokens", "cost"):
        _number(table, name)
    for row in rows:
        about = "~" if row.guessed else ""
        table.add_row(
            row.stage,
            row.model,
            f"{row.replies:,}",
            f"{about}{row.prompt_tokens:,}",
            f"{about}{row.output_tokens:,}",
            money(row.usd, row.price),
        )
    console.print(table)


def _names(table: "Table", footer: str = "") -> None:
    table.add_column("stage", footer=footer, overflow="fold")
    table.add_column("model", overflow="fold")


def _number(table: "Table", name: str, footer: str = "") -> None:
    """Add a column that a narrow terminal does not truncate; names are truncated instead."""
    table.add_column(name, justify="right", footer=footer, no_wrap=True)


def _sum(ranges: Iterable[Range]) -> Range:
    return sum(ranges, Range())


def _tokens(tokens: Range) -> str:
    return _range(tokens, _short)


def _dollars(usd: Range) -> str:
    return _range(usd, lambda amount: f"${amount:,.0f}" if amount >= 100 else money(amount))


def _range(value: Range, show: Callable[[float], str]) -> str:
    expected, low, high = show(value.expected), show(value.low), show(value.high)
    return expected if low == high else f"{expected}\n{low}–{high}"


def _short(count: float) -> str:
    """Return a count with three significant digits, such as 1.25M; an estimate is not more precise."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3g}{unit}"
    return f"{count:.0f}"


def _together(plan: Plan) -> str:
    if all(line.price == "local" for line in plan.lines):
        return "local"
    if all(line.usd is None or line.price == "local" for line in plan.lines):
        return "unknown"
    return _dollars(plan.usd) + (" + unknown" if plan.unknown else "")


def _basis(line: Line) -> str:
    prompts = {"tokenizer": "counted by the model's tokenizer", "characters / 4": "estimated from characters"}
    guessed = {"max_tokens": "guessed from max_tokens", "nothing": "none: a reward model writes no text"}
    outputs = guessed.get(line.outputs_by, f"measured on {line.outputs_by}")
    price = {"local": "", "unknown": "; price unknown: give it under models.NAME.price"}
    source = price.get(line.price, f"; price from {'the pipeline file' if line.price == 'file' else line.price}")
    return f"prompts {prompts.get(line.prompts_by, 'measured on past requests')}; outputs {outputs}{source}"


def _budget(plan: Plan) -> list[str]:
    """Return one sentence for each cap: whether the spending so far and the pending work stay below it."""
    if plan.budget is None:
        return []
    lines = []
    if plan.budget.tokens is not None:
        total = plan.tokens + exactly(sum(row.tokens for row in plan.spent))
        lines.append(f"Budget of {plan.budget.tokens:,} tokens: {_fits(total, plan.budget.tokens)}.")
    if plan.budget.usd is not None:
        total = plan.usd + exactly(sum(row.usd or 0.0 for row in plan.spent))
        unknown = f", not counting {', '.join(plan.unknown)}" if plan.unknown else ""
        lines.append(f"Budget of {money(plan.budget.usd)}: {_fits(total, plan.budget.usd)}{unknown}.")
    return lines


def _fits(total: Range, cap: float) -> str:
    if total.high <= cap:
        return "enough, even at the high end"
    if total.expected <= cap:
        return "enough as expected, not at the high end"
    return "not enough even at the low end" if total.low > cap else "not enough as expected; the run will stop at it"

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
    _render_spent(plan.spent, console)
    for verdict in _budget(plan):
        console.print(verdict)


def summary(plan: Plan) -> str:
    """Summarize the pending work: the number of requests and their cost."""
    expected, _, ends = _together(plan).partition("\n")
    cost = f"{expected} ({ends})" if ends else expected
    return f"{sum(line.requests for line in plan.lines):,} requests, cost {cost}"


def _render_pending(plan: Plan, console: "Console") -> None:
    table = _table("Pending: expected, and from low to high", "requests", show_footer=True)
    totals = (
        f"{sum(line.requests for line in plan.lines):,}",
        _tokens(_sum(line.prompt_tokens for line in plan.lines)),
        _tokens(_sum(line.output_tokens for line in plan.lines)),
        _together(plan),
    )
    for column, total in zip(table.columns, ("total", "", *totals), strict=True):
        column.footer = total
    for line in plan.lines:
        requests = f"{line.requests:,}"
        if line.completions > line.requests:
            requests += f" x {line.completions / line.requests:.3g}"
        cost = _dollars(line.usd) if line.usd and line.price != "local" else line.price
        table.add_row(line.stage, line.model, requests, _tokens(line.prompt_tokens), _tokens(line.output_tokens), cost)
    console.print(table)
    stages: dict[str, list[str]] = {}
    for line in plan.lines:
        stages.setdefault(_basis(line), []).append(line.stage)
    for basis, names in stages.items():
        console.print(f"{', '.join(names)}: {basis}.")


def _render_spent(rows: Sequence[Spent], console: "Console") -> None:
    """Print what each stage has spent on each model, over all runs."""
    if not rows:
        return
    table = _table("Spent so far, over all runs", "replies")
    for row in rows:
        about = "~" if row.guessed else ""
        tokens = (f"{about}{number:,}" for number in (row.prompt_tokens, row.output_tokens))
        table.add_row(row.stage, row.model, f"{row.replies:,}", *tokens, money(row.usd, row.price))
    console.print(table)


def _table(title: str, counted: str, *, show_footer: bool = False) -> "Table":
    """Return a table of stages with the columns model, `counted`, tokens and cost."""
    from rich.table import Table

    table = Table(title=title, title_justify="left", show_footer=show_footer)
    for name in ("stage", "model"):
        table.add_column(name, overflow="fold")
    for name in (counted, "prompt\ntokens", "output\ntokens", "cost"):
        # A narrow terminal truncates names, not numbers.
        table.add_column(name, justify="right", no_wrap=True)
    return table


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

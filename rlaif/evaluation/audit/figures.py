"""Formats the figures of an audit."""

from rlaif.core.statistics import Estimate


def write(estimate: Estimate | None, unit: str, between: str = " ") -> str:
    """Format an estimate, such as 66.2 % [61.0, 71.3] n 464, with `between` after the value."""
    if estimate is None or estimate.value is None:
        return "–"
    text = number(estimate.value, unit)
    if unit == "share":
        text += " %"
    if estimate.interval:
        text += f"{between}[{number(estimate.interval[0], unit)}, {number(estimate.interval[1], unit)}]"
    return f"{text} n {estimate.n:,}"


def number(value: float, unit: str) -> str:
    """Format a value without its unit: shares in percent, coefficients with two decimals, points with one."""
    text = {"share": f"{100 * value:.1f}", "coefficient": f"{value:.2f}", "points": f"{value:.1f}"}[unit]
    # A value that rounds to zero has no sign.
    return text.replace("-", "−") if float(text) else text.removeprefix("-")

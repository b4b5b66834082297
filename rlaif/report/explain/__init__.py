"""Shows the history of one prompt: its responses, the judges' full verdicts, and the resulting pairs."""

from rlaif.report.explain.load import explain
from rlaif.report.explain.render import render
from rlaif.report.explain.types import PromptHistory

__all__ = ["PromptHistory", "explain", "render"]

"""The history of one prompt: its responses, each judge's verdicts word for word, and the pairs made from them."""

from rlaif.report.explain.load import explain
from rlaif.report.explain.render import render
from rlaif.report.explain.types import PromptHistory

__all__ = ["PromptHistory", "explain", "render"]

"""The history of one prompt: its responses, each judge's verdicts word for word, and the pairs made from them."""

from rlaif.report.explain.load import explain
from rlaif.report.explain.render import render
from rlaif.report.explain.types import Story

__all__ = ["Story", "explain", "render"]

"""The history of one prompt: its responses, each judge's verdicts word for word, and the pairs made from them."""

from rlaif.explain.show import render
from rlaif.explain.story import Story
from rlaif.explain.tell import explain

__all__ = ["Story", "explain", "render"]

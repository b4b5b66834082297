"""The story of one prompt: what was sampled, what each judge said in its own words, and what became of it in pairs."""

from rlaif.explain.show import render
from rlaif.explain.story import Story
from rlaif.explain.tell import explain

__all__ = ["Story", "explain", "render"]

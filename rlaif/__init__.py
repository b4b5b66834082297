"""rlaif: preference data from AI feedback, and training on it."""

__version__ = "0.1.0"

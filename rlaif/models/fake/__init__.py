"""The scripted model: deterministic replies for tests and dry runs."""

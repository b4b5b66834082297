"""Clients of language models. The rest of the package uses only the interface in `base` and `registry`."""

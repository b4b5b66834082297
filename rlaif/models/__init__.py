"""Clients of language models, and the seam that the rest of the package uses: `base` and `registry`."""

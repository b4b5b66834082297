"""Checkpoints in this process, through transformers."""

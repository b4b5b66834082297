"""Serve models with vLLM as a child process."""

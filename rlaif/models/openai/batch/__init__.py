"""Use OpenAI-compatible servers through the Batch API."""

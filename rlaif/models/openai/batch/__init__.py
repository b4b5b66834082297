"""The same servers through the Batch API."""

"""Work beyond one machine: pending units as files, workers that do them, and the way back into the store.

The store stays on one machine. `write_pending` writes what is pending, workers turn units into facts with the functions of
an ordinary run, and `ingest` appends the facts by content key, each once.
"""

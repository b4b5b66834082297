"""The foundation of all other packages: errors, record types and keys, signals, workers, progress, text and statistics."""

"""What everything else builds on: errors, record types and keys, signals, workers, progress, text and statistics."""

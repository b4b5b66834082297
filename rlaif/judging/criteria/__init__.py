"""One module per kind of criterion."""

"""The built-in checks, and the processes that run checks without a time bound."""

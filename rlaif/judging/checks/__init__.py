"""The built-in checks, and the processes in which checks that may take long are run."""

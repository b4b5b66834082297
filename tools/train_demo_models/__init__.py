"""Train the two tiny checkpoints that `rlaif/demo` ships: a writer and a judge."""

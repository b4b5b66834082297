"""Train a checkpoint on pairs, thin over TRL: methods and their options, a pre-flight check, and the training itself."""

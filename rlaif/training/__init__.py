"""Fits a checkpoint to pairs, thin over TRL: methods and their options, a pre-flight, the training itself."""

"""Training loop of all model families, with its log, checkpoints, warnings and recovery."""

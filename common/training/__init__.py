"""Train: the optimiser and its schedule, the training step, and the warm start."""

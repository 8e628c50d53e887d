"""The training loop, optimisers, schedules, EMA, checkpoints and torch.distributed."""

"""Losses, one a module; each takes hard and soft targets."""

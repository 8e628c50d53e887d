"""Backbones, heads and the model bundle in which a trained, compressed or retrained model is kept."""

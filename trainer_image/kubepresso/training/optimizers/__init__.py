"""Optimizers, one a module, and the parameter groups that all of them take."""

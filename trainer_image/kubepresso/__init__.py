"""Train vision models from a six-module YAML, compress them, retrain them and promote the better one."""

__version__ = "0.1.0"

"""Compression methods that take a model bundle and give a model bundle."""

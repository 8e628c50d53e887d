"""The six modules as typed models: loading with line numbers, overrides, JSON Schema. Imports no torch."""

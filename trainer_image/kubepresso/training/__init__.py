"""The engine: one loop for every task, on one process or many. Importing this package loads no torch."""

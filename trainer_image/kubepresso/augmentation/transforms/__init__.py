"""One module a transform; importing one registers it."""

"""Learning rates over epochs, one formula a module: pure functions, so there is no state to save."""

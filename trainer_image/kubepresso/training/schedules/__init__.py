"""Learning rates over epochs, one formula a module: pure functions, so that a schedule has no state to save."""

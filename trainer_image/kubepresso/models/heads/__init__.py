"""One head a file, registered by its class."""

"""One method a file, registered by its class."""

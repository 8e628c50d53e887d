"""One backbone a file, registered by its class."""

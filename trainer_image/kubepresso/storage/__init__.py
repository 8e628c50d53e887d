"""Bytes and folders behind plain paths, ``file://`` and ``s3://`` URIs: get, put, list, digest."""

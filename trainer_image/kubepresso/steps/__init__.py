"""One module for each step: plain functions, paths in and paths out, no kfp."""

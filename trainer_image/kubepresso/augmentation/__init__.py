"""Configuration entries to torchvision transforms, and the checks that validate a recipe."""

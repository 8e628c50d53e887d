"""The validate_augmentation component: its declaration and its page."""

"""The resolve component: its declaration and its page."""

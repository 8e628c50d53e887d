"""The compress component: its declaration and its page."""

"""The promote component: its declaration and its page."""

"""The train component: its declaration and its page."""

"""The prepare_dataset component: its declaration and its page."""

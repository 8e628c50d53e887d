"""The evaluate component: its declaration and its page."""

"""The terminal: what is read from it and what is sent to it."""

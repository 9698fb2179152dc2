"""What is sent to the terminal: only what differs from what it shows already."""

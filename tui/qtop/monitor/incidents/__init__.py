"""What is wrong now, and why. Pure."""

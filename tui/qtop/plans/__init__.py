"""What keys and commands would do, what stands before it, and doing it."""

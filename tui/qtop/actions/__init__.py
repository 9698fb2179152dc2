"""What an action would do, what comes before it, and doing it."""

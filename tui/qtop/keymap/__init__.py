"""Every key of the console, in one table."""

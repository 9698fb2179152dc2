"""Taking jobs and running them: the loop, its own lean connection, children, signals."""

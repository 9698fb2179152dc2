"""What is in Redis, a noun a file. Exchanges only: nothing here does input or output."""

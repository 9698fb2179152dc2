"""What is in Redis for Resque, a noun a file: exchanges, and what their replies mean."""

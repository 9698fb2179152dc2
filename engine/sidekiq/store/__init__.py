"""What Sidekiq keeps in Redis, a noun a file: exchanges and what their replies mean."""

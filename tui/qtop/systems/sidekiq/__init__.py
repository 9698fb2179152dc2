"""Sidekiq, as the console asks it."""

"""The console for Redis job queues."""

"""What no queue system owns: addresses, exchanges and runners, long lists, records of actions."""

__version__ = "0.1.0"

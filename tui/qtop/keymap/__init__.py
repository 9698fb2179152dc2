"""The keys of the console: one table, and what is made from it."""

"""Data to what a terminal shows."""

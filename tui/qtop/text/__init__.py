"""Data to safe text."""

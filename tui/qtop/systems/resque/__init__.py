"""Resque for the console and the commands."""

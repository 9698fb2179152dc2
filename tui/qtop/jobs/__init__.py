"""Waiting jobs: as rows, and those that match."""

"""Delayed jobs and recurring schedules: as rows, at a glance, those that match."""

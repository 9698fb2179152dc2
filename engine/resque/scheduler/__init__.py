"""Delayed and recurring jobs: moving the due ones, firing schedules, and the process that does."""

"""Neutral values: what the console knows of jobs, queues and processes, whatever their system."""

"""A module of jobs that cannot be imported."""

raise RuntimeError("not configured")

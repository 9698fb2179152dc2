"""A job whose module does without `logging` until it runs."""

from __future__ import annotations

from resque import Job


class SpeaksLate(Job):
    name = "SpeaksLate"

    @staticmethod
    def perform() -> None:
        import logging

        logging.getLogger("late").info("said late")

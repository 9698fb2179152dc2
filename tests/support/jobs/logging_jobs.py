"""Jobs that log through Python's `logging`, each in its own way."""

from __future__ import annotations

import logging
import sys

from resque import Job, Retry

_log = logging.getLogger(__name__)


class Speaks(Job):
    name = "Speaks"

    @staticmethod
    def perform(text: str) -> None:
        _log.debug("too much detail")
        _log.info("said %s", text)
        try:
            raise ValueError("bad\x1b[2J figure")
        except ValueError:
            _log.exception("went on")


class Configures(Job):
    """Sends what is logged to a handler of its own, as an application does."""

    name = "Configures"

    @staticmethod
    def perform() -> None:
        logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="own %(message)s")
        _log.info("once")


class Suppressed(Job):
    name = "Suppressed"
    retry = Retry(limit=1, delays_s=(600,), suppress_failures=True)

    @staticmethod
    def perform() -> None:
        raise RuntimeError("not yet")

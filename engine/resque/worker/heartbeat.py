"""A worker's heartbeat, by the server's clock, without a thread."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from resque.state import workers
from resque.wire.exchange import Exchange
from resque.wire.keys import Keys

#: After a beat that did not get through, the next try comes this soon.
_RETRY_S = 5.0


class Heartbeat:
    """Says when the next beat is due and what it is.

    The server's clock is asked for once and again with each beat; in between it is reckoned
    with the monotonic clock `mono_now` (seconds).
    """

    def __init__(
        self, keys: Keys, worker_id: str, interval_s: float, mono_now: Callable[[], float]
    ) -> None:
        self._keys = keys
        self._worker_id = worker_id
        self._interval_s = interval_s
        self._mono_now = mono_now
        self._server_time: datetime | None = None
        self._asked_at = 0.0
        self._due_at = 0.0

    def due_in_s(self) -> float:
        """Seconds until the next beat; never negative."""
        return max(0.0, self._due_at - self._mono_now())

    def first(self) -> Exchange[None]:
        """Ask for the server's clock and forget what an earlier worker of this id left."""
        return workers.server_time(self._keys, self._worker_id).then(self._learn)

    def beat(self) -> Exchange[None]:
        """The beat to send now; needs `first` to have been run."""
        assert self._server_time is not None  # noqa: S101
        self._due_at = self._mono_now() + min(_RETRY_S, self._interval_s)
        elapsed = timedelta(seconds=self._mono_now() - self._asked_at)
        moment = self._server_time + elapsed
        return workers.beat(self._keys, self._worker_id, moment).then(self._beaten)

    def _learn(self, server_time: datetime) -> None:
        self._server_time = server_time
        self._asked_at = self._mono_now()

    def _beaten(self, server_time: datetime) -> None:
        self._learn(server_time)
        self._due_at = self._mono_now() + self._interval_s

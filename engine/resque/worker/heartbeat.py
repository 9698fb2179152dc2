"""A worker's heartbeat, by the server's clock, and without a thread where jobs are forked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from resque.errors import StoreError
from resque.state import workers
from resque.wire.exchange import Exchange
from resque.wire.keys import Keys
from resque.worker.connection import LeanStore
from resque.worker.log import told

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading

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


class Beater:
    """Sends a worker's heartbeats over a connection: when asked and due, or, for a worker that
    runs jobs in its own process, from a thread."""

    def __init__(
        self,
        heart: Heartbeat,
        store: LeanStore,
        log: Callable[[str], None],
        *,
        in_thread: bool,
    ) -> None:
        self._heart = heart
        self._store = store
        self._log = log
        self._is_over: threading.Event | None = None
        self._thread: threading.Thread | None = None
        if in_thread:
            # Imported here: its handlers run in every fork, 0.3 ms of each job.
            import threading

            self._is_over = threading.Event()

    def start(self) -> None:
        """Learn the server's clock. Raises StoreError."""
        self._store.run(self._heart.first())

    def beat(self) -> None:
        """Beat now, and from now on. Raises StoreError."""
        self._store.run(self._heart.beat())
        if self._is_over is not None:
            import threading

            self._thread = threading.Thread(target=self._go_on, name="heartbeat", daemon=True)
            self._thread.start()

    def due_in_s(self) -> float:
        """Seconds until `beat_if_due` has something to do."""
        return self._heart.due_in_s() if self._is_over is None else 3600.0

    def beat_if_due(self) -> None:
        """Beat when it is time. Never raises: a beat that is lost is tried again soon."""
        if self._is_over is None and self._heart.due_in_s() == 0:
            self._try()

    def _try(self) -> None:
        try:
            self._store.run(self._heart.beat())
        except StoreError as error:
            self._log(told(f"heartbeat: {error}", level="warning", event="redis"))

    def _go_on(self) -> None:
        assert self._is_over is not None  # noqa: S101
        while not self._is_over.wait(self._heart.due_in_s()):
            self._try()

    def stop(self) -> None:
        """Beat no more. Can be called again."""
        if self._is_over is not None:
            self._is_over.set()
        if self._thread is not None:
            # A beat under way would put a worker back on the register that is about to leave it.
            self._thread.join()

    def forget(self) -> None:
        """In a child after a fork: let go of the parent's connection."""
        self._store.forget()

"""A worker's heartbeat, by the server's clock; without a thread when jobs run in children."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from queuecore import times
from queuecore.exchange import Exchange, Steps
from queuecore.lean import LeanStore
from resque.errors import StoreError
from resque.keys import Keys
from resque.store import claims, workers
from resque.store.claims import WorkerId
from resque.worker.log import told

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading

#: After a beat that did not get through, the next try comes this soon.
_RETRY_S = 5.0
#: Beats that are remembered while none is answered: for more than an hour.
_KEPT = 1000


class Heartbeat:
    """Says when the next beat is due and what it is.

    The server's clock is asked for once and again with each beat; in between it is reckoned
    with the monotonic clock `mono_now` (seconds). The claim to the worker's id lasts for `lasts_s`
    after a beat.
    """

    def __init__(
        self,
        keys: Keys,
        worker_id: WorkerId,
        interval_s: float,
        mono_now: Callable[[], float],
        own_clock: times.Clock = times.wall_now,
        *,
        lasts_s: float = workers.PRUNE_AFTER_S,
    ) -> None:
        self._keys = keys
        self._worker_id = worker_id
        self._interval_s = interval_s
        self._mono_now = mono_now
        #: The server's clock; the worker's own until it was asked for.
        self.clock = times.ServerClock(own_clock, mono_now)
        self._due_at = 0.0
        #: A claim that ends between two beats would be none.
        self.lasts_s = max(lasts_s, 2 * interval_s)
        #: What may be there as the last beat: answers get lost. First the one that surely came.
        self._written: list[bytes] = []

    def due_in_s(self) -> float:
        """Seconds until the next beat; never negative."""
        return max(0.0, self._due_at - self._mono_now())

    def first(self) -> Exchange[None]:
        """Ask for the server's clock."""
        return claims.clock().then(self.clock.learn)

    def text(self) -> str:
        """The beat to write now; `first` was run before."""
        self._due_at = self._mono_now() + min(_RETRY_S, self._interval_s)
        text = times.heartbeat(self.clock())
        self._written.append(text.encode())
        if len(self._written) > _KEPT:
            del self._written[1]
        return text

    def beat(self) -> Exchange[bool]:
        """Beat now. Returns whether the worker's id was still its own."""
        text = self.text()
        exchange = claims.beat(self._keys, self._worker_id.claim, text, lasts_s=self.lasts_s)

        def beaten(reply: tuple[bool, datetime]) -> bool:
            is_ours, server_time = reply
            self.clock.learn(server_time)
            self.begin_anew(text if is_ours else None)
            return is_ours

        return exchange.then(beaten)

    def begin_anew(self, written: str | None) -> None:
        """The next beat is due after a whole interval; `written` is the one that is there now."""
        self._due_at = self._mono_now() + self._interval_s
        if written is not None:
            self._written = [written.encode()]

    def may_have_written(self, beat: bytes | None) -> bool:
        """Whether a beat may be the last one that this worker wrote; None: there is none."""
        return beat is None or beat in self._written


class Beater:
    """Sends a worker's heartbeats over a connection: when asked and due, or, for a worker that
    runs jobs in its own process, from a thread. `renewal` is what to try when the claim to the id
    has ended; it says whether that went well."""

    def __init__(
        self,
        heart: Heartbeat,
        store: LeanStore,
        log: Callable[[str], None],
        renewal: Callable[[], Steps[bool]],
        *,
        in_thread: bool,
    ) -> None:
        self._heart = heart
        self._store = store
        self._log = log
        self._renewal = renewal
        self._is_over: threading.Event | None = None
        self._thread: threading.Thread | None = None
        if in_thread:
            # Imported here: its handlers run in every fork.
            import threading

            self._is_over = threading.Event()

    def start(self) -> None:
        """Learn the server's clock. Raises StoreError."""
        self._store.run(self._heart.first())

    def go_on(self) -> None:
        """Beat from now on; the first beat is written with the registration."""
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
            if self._store.run(self._heart.beat()) or self._store.run(self._renewal()):
                return
            self._log("heartbeat: the id is another process's by now; the next job waits for a new")
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

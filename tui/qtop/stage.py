"""What the console shows: the newest look, the rows made from it, whether the display is frozen. No
widget."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from qtop.local_workers import LocalWorkers
from qtop.model import Board, History
from qtop.poller import Look, clamped_interval_s

_NEW_RTT_WEIGHT: Final = 0.2


@dataclass(frozen=True, slots=True)
class View:
    """All that a screen shows, at one moment.

    Attributes:
        board: The rows; None before the first look. Not the newest when frozen.
        look: The newest look.
        now_mono: The moment, on the clock of the looks.
        rtt_ms: What a look costs, evened out over the last ones.
        frozen_since_mono: When the display was frozen; None when it is not.
    """

    address: str
    namespace: str
    board: Board | None
    look: Look
    now_mono: float
    interval_s: float
    read_only: bool
    frozen_since_mono: float | None = None
    local_alive: int = 0
    local_ending: int = 0
    rtt_ms: float | None = None

    @property
    def is_stale(self) -> bool:
        """Whether what is shown may be wrong by now because looks fail."""
        return self.look.error is not None


class Stage:
    """The state behind the screens.

    Args:
        address: Where Redis is, without secrets.
        local: The workers started here.
        local_host: What they call this machine.
        clock: Monotonic seconds, those of the looks.
    """

    def __init__(
        self,
        *,
        address: str,
        namespace: str,
        interval_s: float,
        read_only: bool,
        local: LocalWorkers,
        local_host: str,
        clock: Callable[[], float],
    ) -> None:
        self.look = Look()
        self._address = address
        self._namespace = namespace
        self._interval_s = clamped_interval_s(interval_s)
        self._read_only = read_only
        self._local = local
        self._clock = clock
        self._history = History(local_host=local_host)
        self._rtt_ms: float | None = None
        self._newest: Board | None = None
        self._shown: Board | None = None
        self._frozen_since_mono: float | None = None

    @property
    def interval_s(self) -> float:
        """Seconds between two looks, within the limits."""
        return self._interval_s

    @interval_s.setter
    def interval_s(self, seconds: float) -> None:
        self._interval_s = clamped_interval_s(seconds)

    @property
    def is_paused(self) -> bool:
        """Whether everything was paused at the last look."""
        return self._newest is not None and self._newest.totals.is_paused

    @property
    def ages(self) -> bool:
        """Whether what is shown changes by the mere passing of time."""
        return self.look.error is not None or self._frozen_since_mono is not None

    def take(self, look: Look) -> None:
        """Take in a look, also a failed one. Cost: see `History.add`."""
        if look.snapshot is not None and look.snapshot is not self.look.snapshot:
            taken_mono = self._clock() if look.taken_mono is None else look.taken_mono
            board = self._history.add(look.snapshot, taken_mono, local_pids=self._local.pids)
            here = {row.identity.pid for row in board.workers if row.is_local}
            self._local.note_registered({pid for pid in here if pid is not None})
            self._newest = board
            if look.rtt_ms is not None:
                before_ms = look.rtt_ms if self._rtt_ms is None else self._rtt_ms
                self._rtt_ms = before_ms + (look.rtt_ms - before_ms) * _NEW_RTT_WEIGHT
        self.look = look
        if self._frozen_since_mono is None:
            self._shown = self._newest

    def toggle_freeze(self) -> None:
        """Keep showing these rows, or go on to the newest."""
        frozen = self._frozen_since_mono is not None
        self._frozen_since_mono = None if frozen else self._clock()
        self._shown = self._newest

    def view(self) -> View:
        """All that a screen shows, at this moment."""
        alive = self._local.alive
        return View(
            address=self._address,
            namespace=self._namespace,
            board=self._shown,
            look=self.look,
            now_mono=self._clock(),
            interval_s=self._interval_s,
            read_only=self._read_only,
            frozen_since_mono=self._frozen_since_mono,
            rtt_ms=self._rtt_ms,
            local_alive=len(alive),
            local_ending=sum(worker.state in ("finishing", "stopping") for worker in alive),
        )

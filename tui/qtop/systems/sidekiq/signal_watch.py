"""What became of the signals that this program sent to processes: seen at every poll, until nothing
follows any more.

A process reads a signal with its next heartbeat, and says that it is quiet with the one after that:
up to 10 s later with 6, 20 s with 7 and later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeVar

from queuecore.exchange import Exchange, Steps, together
from queuecore.fleet import Process
from queuecore.values import replace
from sidekiq.keys import SidekiqKeys
from sidekiq.store import signals
from sidekiq.store.signals import AskedSignal, ProcessSignal, SignalFate, SignalLook

T = TypeVar("T")

#: What is asked for, in words. TERM and TSTP both make it quiet.
_WORDS: Final[Mapping[ProcessSignal, str]] = {"TSTP": "quiet", "TERM": "stop", "TTIN": "dump"}
_STATES: Final[Mapping[SignalFate, str]] = {
    "asked": "{} asked",
    "read": "read",
    "expired": "signal expired",
    "unknown": "signal unknown",
}
#: So long after it was sent a signal is of interest, by the server's clock.
_KEPT_S: Final = 300


class SignalWatch:
    """The last signal to each process."""

    def __init__(self, keys: SidekiqKeys) -> None:
        self._keys = keys
        self._asked: dict[str, AskedSignal] = {}

    def note(self, identity: str, signal: ProcessSignal, before: SignalLook) -> None:
        """A signal was sent to a process that looked like this right before."""
        self._asked[identity] = signals.asked(signal, before)

    def beside(self, steps: Steps[T]) -> Steps[T]:
        """The same steps, in the first round trip of which the processes are looked at that were
        sent a signal. No round trip of its own, O(signals)."""
        names = tuple(self._asked)
        if not names:
            return (yield from steps)
        first: Exchange[object] = next(steps)
        result, looks = yield together((first, signals.looks(self._keys, names)), needed=0)
        self._take(dict(zip(names, looks, strict=True)))
        while True:
            try:
                step = steps.send(result)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            result = yield step

    def _take(self, looks: Mapping[str, SignalLook]) -> None:
        for identity, look in looks.items():
            now = signals.after(self._asked[identity], look)
            is_over = now.state not in _STATES or look.at_s - now.before.at_s > _KEPT_S
            if is_over:
                del self._asked[identity]
            else:
                self._asked[identity] = now

    def told(self, processes: Iterable[Process]) -> dict[str, Process]:
        """Those of some processes to which a signal was sent, with what became of it. O(processes)
        where there are signals."""
        if not self._asked:
            return {}
        return {
            each.id: replace(each, facts=replace(each.facts, signal=words))
            for each in processes
            if each.facts is not None and (words := self._words(each)) is not None
        }

    def _words(self, process: Process) -> str | None:
        asked = self._asked.get(process.id)
        if asked is None or process.is_gone:
            return None
        if process.is_quiet and not asked.before.is_quiet and asked.signal != "TTIN":
            # The flag may have been read after the signals.
            return None
        return _STATES[asked.state].format(_WORDS[asked.signal])

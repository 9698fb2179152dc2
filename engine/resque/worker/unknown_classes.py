"""Queues whose jobs a worker does not know: it leaves them alone before it has failed them all.

What is remembered dies with the process: another worker may know the classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from resque.jobs import Registry
from resque.store.waiting_classes import QueueSample
from resque.worker.log import told

#: So many jobs of unknown classes, and none of a known one, and their queue is left alone.
MOST_UNKNOWN = 5
#: After this time one more job of such a queue is tried.
TRY_AGAIN_S = 60.0
#: Of the classes of one queue so many are named.
_MOST_NAMED = 5
#: How the process title begins to tell of it.
_MARK = " [leaves alone: "


class UnknownClasses:
    """Which classes one worker has met in its queues.

    Attributes:
        known: The queues that had a job of a known class: those are trusted for good.
        alone: The queues that are left alone, and when one more job of each is tried (by
            `mono_now`).
    """

    def __init__(
        self, registry: Registry, log: Callable[[str], None], mono_now: Callable[[], float]
    ) -> None:
        self.known: set[str | None] = set()
        self.alone: dict[str, float] = {}
        self._registry = registry
        self._log = log
        self._mono_now = mono_now
        #: Of each queue without a known class so far, how many jobs were met.
        self._met: dict[str, int] = {}

    def warn_of(self, seen: Sequence[QueueSample]) -> None:
        """Tell at the start which classes wait that would only fail here."""
        unknown = [(each.queue, each.unknown(self._registry.knows)) for each in seen]
        listed = "; ".join(f"{queue!r}: {_listed(names)}" for queue, names in unknown if names)
        if listed:
            self._log(
                told(
                    f"classes wait that are not known here, and would fail: {listed}; load the "
                    "modules that declare them, or leave these queues to a worker that knows them",
                    level="warning",
                    event="unknown",
                )
            )

    def meet(self, queue: str, class_name: str) -> None:
        """A job was taken from a queue that is not `known`. O(1)."""
        if self._registry.knows(class_name):
            self.known.add(queue)
            self._met.pop(queue, None)
            if self.alone.pop(queue, None) is not None:
                self._say(queue, f"takes from {queue!r} again: {class_name!r} is known here")
            return
        met = self._met[queue] = self._met.get(queue, 0) + 1
        if met < MOST_UNKNOWN:
            return
        is_new = queue not in self.alone
        self.alone[queue] = self._mono_now() + TRY_AGAIN_S
        if is_new:
            self._say(
                queue,
                f"leaves {queue!r} alone: {MOST_UNKNOWN} jobs in a row were of classes that are "
                f"not known here, the last of {class_name!r}; their jobs stay in the queue for a "
                f"worker that knows them, one is tried every {TRY_AGAIN_S:g} s",
            )
        else:
            self._say(queue, f"still leaves {queue!r} alone: {class_name!r} is not known here")

    def _say(self, queue: str, text: str) -> None:
        self._log(told(text, level="warning", event="unknown", queue=queue))

    def left_alone(self) -> frozenset[str]:
        """The queues that no job is to be taken from now. O(queues left alone)."""
        now_s = self._mono_now()
        return frozenset(queue for queue, at_s in self.alone.items() if now_s < at_s)

    def title(self) -> str:
        """What the process title says of it; empty when no queue is left alone."""
        return f"{_MARK}{','.join(self.alone)}]" if self.alone else ""


def _listed(names: Sequence[str]) -> str:
    rest = len(names) - _MOST_NAMED
    return ", ".join(map(repr, names[:_MOST_NAMED])) + (f" and {rest} more" if rest > 0 else "")


def left_alone_in(title: str) -> str:
    """Which queues the process title of a worker says that it leaves alone, with commas; empty
    when it says nothing of it. The text is not safe to show. Pure."""
    _, mark, rest = title.partition(_MARK)
    return rest.rstrip("\0 ").removesuffix("]") if mark else ""

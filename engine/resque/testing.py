"""For an application's own tests: see what it enqueues, and perform it, without a Redis.

    from resque.testing import Recorded, capture

    def test_signing_up_sends_a_welcome():
        with capture(resque) as jobs:
            sign_up("a@example.org")
            assert jobs.enqueued == [Recorded("mail", "Mailers::Welcome", ["a@example.org"])]
            jobs.perform_all()

`resque` is the application's own `Resque`; one that was made just for this needs no server
either. Names, arguments, queues, times and hooks are treated as ever; only sending is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from queuecore.exchange import Arg, Call, Exchange, Operation, T
from queuecore.keys import name_text
from queuecore.stores import Store
from queuecore.times import wall_now
from resque.client import Resque
from resque.codec import decode
from resque.errors import ResqueError
from resque.jobs import Registry
from resque.perform import perform
from resque.store.guard import Guard

__all__ = ["Recorded", "Recorder", "capture"]


@dataclass(frozen=True, slots=True)
class Recorded:
    """A job that would have been sent. `args` are as its worker would get them, after a round
    trip through JSON; `at` is the moment (epoch) of a delayed one."""

    queue: str
    class_name: str
    args: list[Any]
    at: int | None = None


@contextmanager
def capture(resque: Resque) -> Iterator[Recorder]:
    """While this lasts, record what `resque` enqueues instead of sending it. What needs a Redis
    (looking at queues, dequeueing) raises ResqueError. Not for several threads at once."""
    recorder = Recorder(resque._registry)
    store, guard = resque._store, resque._guard
    resque._store, resque._guard = recorder, _Open(resque.keys, wall_now)
    try:
        yield recorder
    finally:
        resque._store, resque._guard = store, guard


class _Open(Guard):
    """Lets everything pass: there is nothing to look at."""

    def watching(self, operation: Operation[T], queues: Iterable[str] = ()) -> Operation[T]:
        del queues
        return operation


class Recorder(Store):
    """What was enqueued, in order: `enqueued` at once, `delayed` for later."""

    def __init__(self, registry: Registry) -> None:
        # Not the Store's: there is nothing to connect to.
        self._registry = registry
        self.enqueued: list[Recorded] = []
        self.delayed: list[Recorded] = []

    def perform_all(self) -> int:
        """Perform the jobs of `enqueued` here and now, in order, with their hooks, and those that
        they enqueue, until none is left. Returns how many. The first error of a job is raised;
        those after it stay. Raises UnknownJob for one that no loaded module registered."""
        performed = 0
        while self.enqueued:
            job = self.enqueued.pop(0)
            perform(self._registry, job.class_name, job.args)
            performed += 1
        return performed

    def perform_delayed(self) -> int:
        """Let the time of all delayed jobs come, in its order, and perform everything."""
        self.enqueued += sorted(self.delayed, key=lambda job: job.at or 0)
        self.delayed.clear()
        return self.perform_all()

    def run(self, operation: Operation[T]) -> T:
        """Record what a client would send, and answer as Redis does."""
        commands = operation.commands if isinstance(operation, Exchange) else ()
        match commands:
            case (("SADD", _, bytes(queue)), ("RPUSH", _, *payloads)):
                self._enqueue(queue, payloads)
            case (Call() as call,) if call.script.name == "push_all":
                at = 0
                while at < len(call.args):
                    end = at + 2 + int(call.args[at + 1])
                    self._enqueue(call.args[at], list(call.args[at + 2 : end]))
                    at = end
            case (Call() as call,) if call.script.name == "delay":
                job = decode(_bytes(call.args[0]))
                when = int(call.args[2])
                self.delayed.append(Recorded(job["queue"], job["class"], job["args"], when))
            case _:
                raise ResqueError("while jobs are captured there is no Redis to ask")
        assert isinstance(operation, Exchange)  # noqa: S101  for the type checker
        return operation.parse([1, 1])

    def _enqueue(self, queue: Arg, payloads: list[Arg]) -> None:
        for payload in payloads:
            job = decode(_bytes(payload))
            self.enqueued.append(Recorded(name_text(_bytes(queue)), job["class"], job["args"]))

    def close(self) -> None:
        """Nothing is open."""


def _bytes(arg: Arg) -> bytes:
    assert isinstance(arg, bytes)  # noqa: S101  what these exchanges consist of
    return arg

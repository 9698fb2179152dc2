"""The work of a queue system in memory: each call of it can be made to fail, or to wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from queuecore.errors import StoreError, Unreachable
from queuecore.exchange import Exchange, Operation, Steps, steps_of

T = TypeVar("T")


@dataclass(eq=False)
class Faults:
    """What goes wrong with the calls of a system, by their names, and which of them wait now.

    Attributes:
        trouble: Why every call fails; None when none does.
        errors: Why some calls fail.
        asked: The calls that asked to be carried out, in their order: also those that failed.
        waiting: Those that wait for an answer now.
    """

    trouble: StoreError | None = None
    errors: dict[str, StoreError] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    _held: dict[str, tuple[asyncio.Event, int]] = field(default_factory=dict)

    def call(self, name: str, *, writes: bool = False) -> Steps[None]:
        """One call. It asks its runner for nothing, unless it goes wrong, or it `writes`: what
        changes something says so, and a runner that only reads refuses it then."""
        if writes or self.trouble is not None or name in self.errors or name in self._held:
            yield Exchange((), _Call(self, name), writes=writes)
        else:
            self.asked.append(name)

    def work(self, name: str, answer: Callable[[], T]) -> Steps[T]:
        """A call that only reads."""
        yield from self.call(name)
        return answer()

    @contextmanager
    def failing(self, name: str, why: str = "it is away") -> Iterator[None]:
        """Let a call fail meanwhile."""
        self.errors[name] = Unreachable(why)
        try:
            yield
        finally:
            del self.errors[name]

    @contextmanager
    def slow(self, name: str, *, after: int = 0) -> Iterator[Callable[[], None]]:
        """Let a call wait meanwhile, but for the first `after` ones. What this gives lets it go
        on."""
        event = asyncio.Event()
        self._held[name] = (event, len(self.asked_for(name)) + after)
        try:
            yield event.set
        finally:
            event.set()
            del self._held[name]

    def asked_for(self, name: str) -> list[str]:
        """The same call as often as it was asked for."""
        return [each for each in self.asked if each == name]

    def answer(self, name: str) -> None:
        """Answer a call. Raises what it fails with."""
        self.asked.append(name)
        error = self.trouble or self.errors.get(name)
        if error is not None:
            raise error

    async def wait(self, name: str) -> None:
        """Wait as long as the call waits."""
        event, after = self._held.get(name, (None, 0))
        if event is None or len(self.asked_for(name)) < after:
            return
        self.waiting.append(name)
        try:
            await event.wait()
        finally:
            self.waiting.remove(name)


@dataclass(frozen=True, slots=True)
class _Call:
    """What a runner carries out of a call."""

    faults: Faults
    name: str

    def __call__(self, replies: list[Any]) -> None:
        self.faults.answer(self.name)


async def carried_out(work: Operation[T]) -> T:
    """Carry out work of a system in memory by asyncio. Raises what its calls fail with."""
    steps = steps_of(work)
    problem: StoreError | None = None
    result: Any = None
    while True:
        try:
            step = steps.throw(problem) if problem is not None else steps.send(result)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        try:
            result, problem = await _one(step), None
        except StoreError as error:
            problem = error


async def _one(step: Exchange[Any]) -> Any:
    if step.commands:
        raise Unreachable("there is no Redis")
    if isinstance(step.parse, _Call):
        await step.parse.faults.wait(step.parse.name)
    return step.parse([])

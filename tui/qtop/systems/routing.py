"""Work of several systems as one: each exchange says to which place it goes, and one runner sends
it there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, overload

from qtop.actions.stopping import Stopped
from queuecore.errors import QueueError, StoreError, Unreachable
from queuecore.exchange import Exchange, Operation, Steps

if TYPE_CHECKING:
    from qtop.systems.system import PartRunner, System, Work

T = TypeVar("T")
S = TypeVar("S")

#: What an exchange is made of, in the order of its constructor.
_PARTS: Final = Exchange.__match_args__


class PlacedExchange(Exchange[T]):
    """An exchange for the place with the label `place`."""

    __slots__ = ("place",)
    __match_args__ = (*_PARTS, "place")

    def __init__(self, *parts: Any, place: str = "", **named: Any) -> None:
        super().__init__(*parts, **named)
        object.__setattr__(self, "place", place)

    place: str

    def then(self, change: Callable[[T], S]) -> PlacedExchange[S]:
        """As of every exchange, for the same place."""
        return to_place(self.place, super().then(change))


def to_place(place: str, exchange: Exchange[T]) -> PlacedExchange[T]:
    """The same exchange for a place. What it announces as `ahead` is not announced: it is sent when
    its turn comes."""
    if isinstance(exchange, PlacedExchange):
        return exchange
    of = {name: getattr(exchange, name) for name in _PARTS if name != "ahead"}
    return PlacedExchange(**of, place=place)


@overload
def at(place: str, work: Steps[T]) -> Steps[T]: ...
@overload
def at(place: str, work: Operation[T]) -> Operation[T]: ...
def at(place: str, work: Operation[T]) -> Operation[T]:
    """The same work, each exchange of which is for one place."""
    if isinstance(work, Exchange):
        return to_place(place, work)
    return _at(place, work)


def _at(place: str, steps: Steps[T]) -> Steps[T]:
    result: Any = None
    problem: Exception | None = None
    while True:
        try:
            step = steps.throw(problem) if problem is not None else steps.send(result)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        try:
            result, problem = (yield to_place(place, step)), None
        except Exception as error:
            problem = error


class SystemsOf(Mapping[str, "System"]):
    """The systems whose work some runners carry out, by the labels of their places; also of those
    that join later."""

    def __init__(self, runners: Mapping[str, PartRunner]) -> None:
        self._runners = runners

    def __getitem__(self, place: str) -> System:
        return self._runners[place].system

    def __iter__(self) -> Iterator[str]:
        return iter(self._runners)

    def __len__(self) -> int:
        return len(self._runners)


def why_unread(error: QueueError) -> str:
    """Why the part of one place is unknown, in words, while the others go on. Raises the error
    where it says that all was stopped."""
    if isinstance(error, Stopped):
        raise error
    return str(error)


class NoPlace(RuntimeError):
    """Work of several systems does not say to which place it goes: a fault of the program."""


class PlacesRunner:
    """Runs the work of several systems together: see `WorkRunner`. Each exchange goes to the
    runner of its place, on that one's connections, with its timeouts and what it forbids. What has
    no commands needs no place.

    Args:
        runners: Those of the places, by label.
        trouble: Why a place is known not to answer; None when it is not. Nothing is sent there
            then, so that the others do not wait; but what has begun to write there is tried to its
            end, since it may have to leave things in order.
    """

    def __init__(
        self,
        runners: Mapping[str, PartRunner],
        *,
        trouble: Callable[[str], str | None] = lambda place: None,
    ) -> None:
        self._runners = runners
        self._trouble = trouble

    def open(self) -> None:
        """As `WorkRunner.open`, of each place."""
        for runner in self._runners.values():
            runner.open()

    async def watch(self, work: Work[T]) -> T:
        """As `WorkRunner.watch`."""
        return await self._drive(work, "watch")

    async def run(self, work: Work[T]) -> T:
        """As `WorkRunner.run`. What writes was guarded by the system of its place: see
        `JobSystem.prepare`."""
        return await self._drive(work, "send")

    async def close(self) -> None:
        """Close the connections of each place."""
        for runner in self._runners.values():
            await runner.close()

    async def _drive(self, work: Work[T], how: Literal["watch", "send"]) -> T:
        #: The places where it has begun to write.
        begun: set[str] = set()
        if isinstance(work, Exchange):
            return await self._one(work, how, begun)  # type: ignore[no-any-return]
        result: Any = None
        problem: StoreError | None = None
        while True:
            try:
                step = work.throw(problem) if problem else work.send(result)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]
            # As `AsyncStore.run`: to build an exchange takes a while, and others have a turn.
            await asyncio.sleep(0)
            try:
                result, problem = await self._one(step, how, begun), None
            except StoreError as error:
                problem = error

    async def _one(
        self, exchange: Exchange[Any], how: Literal["watch", "send"], begun: set[str]
    ) -> Any:
        if not isinstance(exchange, PlacedExchange):
            if exchange.commands or exchange.writes:
                raise NoPlace("an exchange without a place cannot be sent anywhere")
            if exchange.wait_s:
                await asyncio.sleep(exchange.wait_s)
            return exchange.parse([])
        place = exchange.place
        runner = self._runners.get(place)
        if runner is None:
            raise Unreachable(f"{place} is not one of the places that are shown any more")
        is_asked = bool(exchange.commands) and place not in begun
        if is_asked and (why := self._trouble(place)) is not None:
            raise Unreachable(why)
        if exchange.writes:
            begun.add(place)
        if how == "watch":
            return await runner.watch(exchange)
        return await runner.send(exchange)

"""Stops Resque's operations before they write to what is Sidekiq's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from queuecore.exchange import Call, Command, Exchange, Operation, Steps, T, checked, steps_of
from queuecore.keys import name_text, turn, turn_apart
from resque.errors import BelongsToSidekiq
from resque.keys import Keys
from resque.store import ownership
from resque.store.ownership import KeyOwners


class Guard:
    """Looks at what an operation is about to write to, before it writes.

    Args:
        keys: The namespace.
        clock: The present moment.
        warn: Gets a sentence where Sidekiq perhaps lives; such operations go on.
        remembers: A queue that was found to be Resque's is not looked at again.
    """

    def __init__(
        self,
        keys: Keys,
        clock: Callable[[], datetime],
        warn: Callable[[str], None] = lambda text: None,
        *,
        remembers: bool = False,
    ) -> None:
        self._keys = keys
        self._clock = clock
        self._warn = warn
        self._remembers = remembers
        self._known: frozenset[str] | None = None

    def watching(self, operation: Operation[T], queues: Iterable[str] = ()) -> Operation[T]:
        """The same operation, which ends with BelongsToSidekiq before it writes to what is
        Sidekiq's: the queues whose keys it names, and `queues`, for which it is meant, too. What
        only reads stays as it is. Costs two round trips more (see
        `ownership.find_owners`) before the first write, and before one to further queues. What
        the user may not read bars nothing."""
        if isinstance(operation, Exchange) and not operation.writes:
            return operation
        meant, known = frozenset(queues), self._known

        def check(exchange: Exchange[Any]) -> Steps[None]:
            nonlocal known
            if exchange.writes:
                known = yield from self._admit(exchange, meant, known)

        return checked(steps_of(operation), check)

    def vouch(self, queues: Iterable[str] = (), *, failures: bool = False) -> Steps[KeyOwners]:
        """Look at the namespace and these queues, with `failures` at the list of failures, too.
        Costs as `ownership.find_owners`. Raises BelongsToSidekiq."""
        names = sorted(set(queues))
        found: KeyOwners = yield from ownership.find_owners(self._keys, names, now=self._clock())
        for name in names or (None,):
            if (refusal := found.refusal(name)) is not None:
                raise BelongsToSidekiq(refusal)
        if failures and found.failures_refusal is not None:
            raise BelongsToSidekiq(found.failures_refusal)
        if found.warning is not None:
            self._warn(found.warning)
        return found

    def _admit(
        self, exchange: Exchange[Any], meant: frozenset[str], known: frozenset[str] | None
    ) -> Steps[frozenset[str]]:
        """Let an exchange pass, or raise BelongsToSidekiq. Returns what is known by then."""
        names, has_failures = self._touched(exchange)
        names |= meant
        if known is not None and names <= known:
            return known
        before = known or frozenset()
        yield from self.vouch(names - before, failures=has_failures)
        if self._remembers:
            self._known = names | before | (self._known or frozenset())
        return names | before

    def _touched(self, exchange: Exchange[Any]) -> tuple[frozenset[str], bool]:
        """The queues whose keys an exchange names, and whether it names the failures'."""
        keys = self._keys
        prefixes = (keys.queue(""), keys.pause_queue(""), keys.unreadable(""))
        names: set[str] = set()
        has_failures = False
        named = set(_named(exchange.commands))
        # What tells how far a list is turned is no queue of its own.
        named -= {each for key in named for each in (turn(key), turn_apart(key))}
        for key in named:
            has_failures |= key == keys.failed()
            names.update(
                name_text(key.removeprefix(prefix)) for prefix in prefixes if key.startswith(prefix)
            )
        return frozenset(names), has_failures


def _named(commands: Iterable[Command]) -> Iterator[bytes]:
    for command in commands:
        if isinstance(command, Call):
            yield from command.keys
        else:
            yield from (part for part in command[1:] if isinstance(part, bytes))

"""The set of queues: which names are missing from it, and adding and removing names.

Some clients push before they register, and sets can be damaged. What is missing is seen neither by
a console nor by a worker with a pattern.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from queuecore import windows
from queuecore.action_record import ActionRecord, recorded
from queuecore.exchange import Command, Exchange, Reply, Steps, raise_all_but, single
from queuecore.keys import name_bytes, name_text
from resque.errors import WrongType
from resque.keys import Keys
from resque.scripts import load_script
from resque.store import ownership

_REGISTER = load_script("register")
_REGISTER_MOMENT = load_script("register_moment")


@dataclass(frozen=True, slots=True)
class Unregistered:
    """A queue that holds `jobs` and is not in the set of queues."""

    name: str
    jobs: int


def missing(keys: Keys) -> Steps[tuple[list[Unregistered], bool]]:
    """The unregistered queues, by the bytes of their names, and whether all keys were looked at:
    at most 200,000 are. A round trip for each 1,000 keys of the database, and two more."""
    beginning = keys.queue("")
    registered: set[bytes] = yield single(("SMEMBERS", keys.queues()), set)
    found, is_complete = yield from windows.find_keys(windows.pattern_of(beginning), lambda _: True)
    names = {key.removeprefix(beginning) for key in found}
    queues: list[Unregistered] = yield _still_missing(keys, sorted(names - registered))
    return queues, is_complete


def of_resque(
    keys: Keys, found: Sequence[Unregistered], *, now: datetime
) -> Steps[list[Unregistered]]:
    """Those of some unregistered queues that are not Sidekiq's: neither by their content, nor
    lists of the jobs that its fetchers work on. Costs as `ownership.find_owners`."""
    whose = yield from ownership.find_owners(keys, [each.name for each in found], now=now)
    return [
        each
        for each in found
        if whose.refusal(each.name) is None
        and (whose.owner(each.name) == "resque" or not ownership.is_in_flight(each.name))
    ]


def _still_missing(keys: Keys, names: list[bytes]) -> Exchange[list[Unregistered]]:
    """Those that hold a list, and were not registered since they were found."""
    commands: list[Command] = []
    for name in names:
        commands.append(("SISMEMBER", keys.queues(), name))
        commands.append(("LLEN", keys.queue(name_text(name))))

    def parse(replies: list[Reply]) -> list[Unregistered]:
        raise_all_but(WrongType, replies)
        states = zip(names, replies[::2], replies[1::2], strict=True)
        # A key that is no list answers with an error, one that is gone with 0.
        return [
            Unregistered(name_text(name), jobs)
            for name, known, jobs in states
            if known == 0 and isinstance(jobs, int) and jobs
        ]

    return Exchange(tuple(commands), parse, tolerant=True)


def register(keys: Keys, queue: str, record: ActionRecord | None = None) -> Exchange[bool]:
    """Register a queue's name. Returns whether it was missing. One round trip, atomic."""
    return _change(keys, queue, "on", record)


def forget(keys: Keys, queue: str, record: ActionRecord | None = None) -> Exchange[bool]:
    """Take the name of an empty queue off the set of queues. Returns whether that was done: not
    when it was not registered or jobs wait by now. One round trip, atomic."""
    return _change(keys, queue, "off", record)


def register_failures(keys: Keys, name: str, record: ActionRecord | None = None) -> Exchange[bool]:
    """Put the name of a list of failures on the set of those of single queues. Returns whether it
    was missing. One round trip, atomic."""
    touched = [keys.failed_queues(), keys.failed_named(name)]
    return recorded(_REGISTER, keys, record, touched, [name_bytes(name), "on"], bool)


def register_moment(keys: Keys, stamp: str, record: ActionRecord | None = None) -> Exchange[bool]:
    """Put a moment that has delayed jobs back into the schedule: a scheduler moves them when it
    comes, or at once when it has passed. `stamp` is in epoch seconds. Returns whether it was
    missing and has jobs. One round trip, atomic."""
    touched = [keys.delayed_schedule(), keys.delayed(stamp)]
    return recorded(_REGISTER_MOMENT, keys, record, touched, [stamp], bool)


def is_moment_missing(keys: Keys, stamp: str) -> Exchange[bool]:
    """Whether `register_moment` would do something. One round trip."""
    return Exchange(
        (("LLEN", keys.delayed(stamp)), ("ZSCORE", keys.delayed_schedule(), stamp)),
        lambda replies: replies[0] > 0 and replies[1] is None,
    )


def _change(keys: Keys, queue: str, to: str, record: ActionRecord | None) -> Exchange[bool]:
    touched = [keys.queues(), keys.queue(queue)]
    return recorded(_REGISTER, keys, record, touched, [name_bytes(queue), to], bool)

"""Lists of jobs that a process took and keeps until they are done: of super_fetch (Pro), GitLab's
reliable fetch, Exq and go-workers2. They are no queues. When their process is gone, its jobs are
left behind in them until its own plug-in, or somebody, puts them back.

What is known of Pro, Exq and go-workers2 is what their own tools and other programs spell.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain
from typing import Final, Literal

from queuecore.errors import WrongType
from queuecore.exchange import Command, Exchange, Reply, Steps, raise_all_but
from queuecore.keys import name_text
from queuecore.values import replace, value
from queuecore.windows import pattern_of, scan_keys
from sidekiq.keys import SidekiqKeys, is_private

HolderKind = Literal["super_fetch", "reliable-fetch", "Exq", "go-workers2"]
"""What keeps a list of jobs that a process took."""

#: Behind `queue:`, the most telling first.
_PATTERNS: Final[tuple[tuple[HolderKind, re.Pattern[str]], ...]] = (
    ("super_fetch", re.compile(r"sq\|(?P<holder>.+?:\d+:[0-9a-f]+)\|(?P<queue>.+)", re.DOTALL)),
    ("super_fetch", re.compile(r"sq\|(?:(?P<holder>[^|]+)\|)?(?P<queue>.+)", re.DOTALL)),
    ("Exq", re.compile(r"backup::(?:(?P<holder>.+?)::)?(?P<queue>.+)", re.DOTALL)),
    ("go-workers2", re.compile(r"(?P<queue>.+?)(?::(?P<holder>[^:]+))?:inprogress", re.DOTALL)),
)
#: Behind `working:queue:`; older ones have no last part.
_RELIABLE: Final = re.compile(r"(?P<queue>.+?):(?P<holder>[^:]+:\d+(?::[0-9a-f]+)?)", re.DOTALL)
#: What Sidekiq's processes call themselves.
_IDENTITY: Final = re.compile(r".+:\d+:[0-9a-f]+", re.DOTALL)
#: So many lists are kept of a search; there may be one for each process and queue.
MOST_LISTS: Final = 20_000


@value
class PrivateList:
    """A list of jobs that a process took.

    Attributes:
        key: The list; `waiting_jobs` reads it.
        kind: What keeps it.
        queue: Where the jobs came from, as far as its name tells.
        holder: The process, as far as its name tells: of Ruby's an identity, of others what they
            call themselves.
        length: How many jobs.
        is_held: Whether that process lives. False: its sign of life is gone, its jobs are left
            behind. None: it cannot be told.
    """

    key: bytes
    kind: HolderKind
    queue: str
    holder: str | None
    length: int = 0
    is_held: bool | None = None


def find(keys: SidekiqKeys) -> Steps[tuple[list[PrivateList], bool]]:
    """Look for them in the whole database, in the order of their keys. Returns also whether all
    keys were looked at: 200,000 are, and 20,000 lists kept. A round trip for each 1,000 keys, one
    more where lists may be among them."""
    found: dict[bytes, PrivateList] = {}

    def visit(page: Sequence[bytes]) -> Steps[None]:
        suspects = [each for key in page if (each := read_key(keys, key)) is not None]
        if suspects and len(found) < MOST_LISTS:
            confirmed: list[PrivateList] = yield _confirmed(keys, suspects)
            found.update((each.key, each) for each in confirmed)

    # One search for both: whatever stands before it, all of them have this in their names.
    namespace = keys.everything()
    pattern = pattern_of(namespace) + pattern_of(keys.queue("").removeprefix(namespace))
    is_complete = yield from scan_keys(pattern, visit)
    return [found[key] for key in sorted(found)], is_complete and len(found) < MOST_LISTS


def read_key(keys: SidekiqKeys, key: bytes) -> PrivateList | None:
    """What the name of a key says: a list that a process may hold, of unknown length; None for all
    other keys. A queue may have such a name, too: it is on the set of queues then. Pure."""
    if key.startswith(beginning := keys.held("")):
        told = _RELIABLE.fullmatch(name_text(key.removeprefix(beginning)))
        return told and PrivateList(key, "reliable-fetch", told["queue"], told["holder"])
    if not key.startswith(beginning := keys.queue("")):
        return None
    name = name_text(key.removeprefix(beginning))
    if not is_private(name):
        return None
    return next(
        PrivateList(key, kind, told["queue"], told["holder"])
        for kind, pattern in _PATTERNS
        if (told := pattern.fullmatch(name)) is not None
    )


def _confirmed(keys: SidekiqKeys, suspects: Sequence[PrivateList]) -> Exchange[list[PrivateList]]:
    """Those that hold jobs and are no queues."""
    commands = tuple(chain.from_iterable(_questions(keys, each) for each in suspects))

    def parse(replies: list[Reply]) -> list[PrivateList]:
        raise_all_but(WrongType, replies)
        answers = zip(*[iter(replies)] * 3, strict=True)
        return [
            replace(each, length=length, is_held=_is_held(each, lives))
            for each, (is_queue, length, lives) in zip(suspects, answers, strict=True)
            if not is_queue and isinstance(length, int) and length
        ]

    return Exchange(commands, parse, tolerant=True)


def _questions(keys: SidekiqKeys, each: PrivateList) -> tuple[Command, Command, Command]:
    """Whether it is a queue, how long it is, and whether its process lives."""
    name = each.key.removeprefix(keys.queue(""))
    beats = keys.fetcher_beat if each.kind == "reliable-fetch" else keys.process
    return (
        ("SISMEMBER", keys.queues(), name),
        ("LLEN", each.key),
        ("EXISTS", beats(each.holder or "")),
    )


def _is_held(each: PrivateList, lives: Reply) -> bool | None:
    if each.holder is not None and lives:
        return True
    # Others may live without such a sign.
    is_known = each.kind == "reliable-fetch" or (
        each.kind == "super_fetch" and _IDENTITY.fullmatch(each.holder or "") is not None
    )
    return False if is_known else None

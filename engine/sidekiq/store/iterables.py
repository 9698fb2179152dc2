"""How far iterable jobs are: a hash of each that has written its state, 7.3 and later."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from queuecore.codec import decode
from queuecore.exchange import Exchange, Reply
from queuecore.keys import name_text
from queuecore.read_cache import batches, problem_of, rows
from queuecore.values import value
from sidekiq.codec import moment_of
from sidekiq.errors import StoreError
from sidekiq.keys import SidekiqKeys
from sidekiq.scripts import load_script

_HASHES = load_script("hashes")
#: A cursor is read up to here.
_CURSOR_BYTES: Final = 4_096
_MOST_FIELDS: Final = 100
_AT_ONCE: Final = 200


@value
class Iteration:
    """The state of an iterable job, as it last wrote it: every 5 s, and when it is interrupted.

    Attributes:
        cursor: Where it goes on, as JSON; None where there is none, or it is too long to list.
        has_cursor: Whether it has one, so that it can be cancelled: a job that is cancelled before
            it wrote one fails at its next start, and at every try.
        runs: How often it was started.
        runtime_s: How long it has run.
        cancelled_at: When it was asked to end; None: it was not.
        problem: Why it cannot be read.
    """

    cursor: bytes | None
    has_cursor: bool
    runs: int | None
    runtime_s: float | None
    cancelled_at: datetime | None
    problem: str | None = None


def read(keys: SidekiqKeys, jids: Sequence[str]) -> Exchange[dict[str, Iteration]]:
    """The states of some jobs, by their jid; a job without one is not in it. One round trip,
    O(jobs)."""
    names = list(dict.fromkeys(jids))
    calls = tuple(
        _HASHES.call(list(map(keys.iteration, part)), [_MOST_FIELDS, _CURSOR_BYTES])
        for part in batches(names, _AT_ONCE)
    )

    def parse(replies: list[Reply]) -> dict[str, Iteration]:
        states = map(_iteration, rows(iter(replies), calls, len(names), _AT_ONCE))
        pairs = zip(names, states, strict=True)
        return {jid: state for jid, state in pairs if state is not None}

    return Exchange(calls, parse, tolerant=True)


def _iteration(reply: Any) -> Iteration | None:
    if isinstance(reply, bytes | StoreError):
        return _unread(problem_of(reply))
    if isinstance(reply, int):
        return _unread(f"it has {reply:,} fields, and is no state of a job")
    if not reply:
        return None
    told = dict(zip(reply[::2], reply[1::2], strict=True))
    cursor = told.get(b"c")
    return Iteration(
        cursor=cursor if isinstance(cursor, bytes) else None,
        has_cursor=cursor is not None,
        runs=_number(told.get(b"ex"), int),
        runtime_s=_number(told.get(b"rt"), float),
        cancelled_at=_moment(told.get(b"cancelled")),
    )


def _unread(problem: str) -> Iteration:
    return Iteration(None, False, None, None, None, problem)


def _number(raw: Any, kind: type[Any]) -> Any:
    if isinstance(raw, bytes) and len(raw) < 32:
        with suppress(ValueError):
            told = decode(raw)
            if isinstance(told, int | float) and not isinstance(told, bool) and told == told:
                return kind(told) if abs(told) < 1e18 else None
    return None


def _moment(raw: Any) -> datetime | None:
    return moment_of(name_text(raw)) if isinstance(raw, bytes) else None

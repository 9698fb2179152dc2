"""What `qtop doctor` finds out about queues, workers and jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from qtop.commands import checks
from qtop.commands.lists import look_around, with_classes
from qtop.commands.session import Session
from qtop.monitor.incidents.incident import Incident, Severity
from qtop.monitor.incidents.ownership import without_sidekiqs
from qtop.monitor.incidents.rules import IncidentRules
from qtop.monitor.incidents.server_checks import Finding, FindingLevel
from qtop.monitor.row_builder import RowBuilder
from qtop.monitor.rows import FleetRows
from qtop.text.format import failure_class
from qtop.text.safe import count
from resque.errors import ResqueError
from resque.store import duplicates, failures, poison, samples, snapshot
from resque.store.failures import Failure
from resque.store.snapshot import Snapshot

_FAILURES_READ: Final = 500
#: Where each queue has a list of failures: how many lists are looked into, and how far.
_LISTS, _OF_A_LIST = 20, 200
#: In how many of the longest queues jobs are compared with each other.
_QUEUES_COMPARED: Final = 20
#: Of how many of the longest queues items are looked at.
_QUEUES_SAMPLED: Final = 500
_LEVELS: Final[dict[Severity, FindingLevel]] = {
    "bad": "ERROR",
    "warn": "WARN",
    "note": "OK",
    "good": "OK",
}
#: What is said of a key that was read, and holds something else.
_WRONG_KIND: Final = "another kind of value"
#: What to do where something could not be read.
SEE: Final = "see what `state` and `rights` say"
#: Notes that say that something could not be judged.
_UNJUDGED: Final = frozenset({"no heartbeat", "long", "unreadable failures", "sidekiq"})
#: Troubles with keys that say that something was not read, and not what was found there.
_UNREAD: Final = frozenset({"unknown", "queue", "in hand"})


def fleet(session: Session) -> Iterator[Finding]:
    """What is odd about queues, workers and jobs. Raises StoreError where nothing can be read."""
    seen = session.run(snapshot.take(session.keys, tails={}, failures_limit=_FAILURES_READ))
    board = RowBuilder().add(seen, 0.0)
    survey = with_classes(session, board, look_around(session))
    whose = survey.ownership
    ours = board if whose is None else without_sidekiqs(board, whose)
    theirs = len(board.queues or ()) - len(ours.queues or ())
    yield from _of_board(ours, IncidentRules().fleet(board, 0.0, survey), theirs)
    with_jobs = (row for row in board.queues or () if row.depth)
    rows = sorted(with_jobs, key=lambda row: -(row.depth or 0))
    longest = [row.name for row in rows]
    parts: tuple[tuple[str, Callable[[], Finding]], ...] = (
        ("items", lambda: _items(session, longest)),
        ("poison", lambda: _poison(session, seen)),
        ("duplicates", lambda: _duplicates(session, seen, board, longest)),
    )
    for check, find in parts:
        try:
            finding = find()
        except ResqueError as error:
            finding = checks.failed(check, error)
        if finding.level == "OK" and board.totals.problems:
            # What was not read may hold it.
            finding = replace(finding, level="UNKNOWN", remedy=SEE)
        yield finding


def _of_board(board: FleetRows, verdicts: Iterator[Incident], theirs: int) -> Iterator[Finding]:
    """What Overview says of a fleet, and what is well in it, without `theirs`: so many queues are
    Sidekiq's. A note is no reason to act."""
    rest = f"; {theirs:,} more of Sidekiq's, not looked into" if theirs else ""
    number = None if board.queues is None else len(board.queues)
    told: set[str] = set()
    for verdict in verdicts:
        level = _LEVELS[verdict.severity]
        remedy = "" if level == "OK" else verdict.remedy
        if verdict.check == "keys" and _is_unread(verdict):
            level, remedy = "UNKNOWN", SEE
        if verdict.severity == "note" and verdict.kind in _UNJUDGED:
            level = "UNKNOWN"
        told |= {verdict.check} if level != "OK" else set()
        yield Finding(verdict.check, level, verdict.text, remedy)
    is_whole = not board.totals.problems
    knows_depths = is_whole and all(row.depth is not None for row in board.queues or ())
    for check, is_known, text in (
        ("queues", knows_depths, f"{count(number)}, all with jobs are served{rest}"),
        ("workers", is_whole, f"{count(board.totals.workers)}, none is silent"),
        ("jobs", is_whole, "none was set aside as unreadable, none runs for long"),
    ):
        if check in told:
            continue
        if is_known:
            yield Finding(check, "OK", text)
        else:
            yield Finding(check, "UNKNOWN", "not everything could be read: see `keys`", SEE)


def _is_unread(verdict: Incident) -> bool:
    """Whether it says that keys could not be read, not what they hold."""
    return _WRONG_KIND not in verdict.text and verdict.kind in _UNREAD


def _items(session: Session, longest: Sequence[str]) -> Finding:
    found = session.run(samples.take(session.keys, longest[:_QUEUES_SAMPLED]))
    return checks.items(found, len(longest))


def _poison(session: Session, seen: Snapshot) -> Finding:
    keys = session.keys
    lists = session.run(failures.lists(keys))
    # What could not be read is said of the look.
    read: list[tuple[str, Sequence[Failure]]] = [(failures.FAILED, seen.failures or ())]
    in_all = seen.failed
    for name in lists[1 : 1 + _LISTS]:
        length, newest = session.run(failures.newest(keys, limit=_OF_A_LIST, list_name=name))
        in_all = None if in_all is None else in_all + length
        read.append((name, newest))
    deadly: list[str] = []
    for name, entries in read:
        poisoned = session.run(poison.among(keys, entries, list_name=name))
        deadly += [failure_class(each) for each in entries if each.item.sha in poisoned]
    is_whole = in_all is not None and len(lists) <= 1 + _LISTS
    return checks.poison(deadly, sum(len(each) for _, each in read), in_all if is_whole else None)


def _duplicates(
    session: Session, seen: Snapshot, board: FleetRows, longest: Sequence[str]
) -> Finding:
    names = longest[:_QUEUES_COMPARED]
    alike = session.run(duplicates.waiting_alike(session.keys, names))
    silent = (row for row in board.workers or () if row.condition in ("dead?", "silent"))
    troubled = {row.identity.text for row in silent}
    return checks.duplicates(duplicates.in_hands(seen.workers or ()), troubled, alike, len(names))

"""Jobs under keys that no index leads to. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from qtop.monitor.incidents.incident import Incident, Link
from qtop.monitor.incidents.server_checks import argument, named
from qtop.text.safe import counted
from resque.store.health import HealthReport
from resque.store.strays import Stray, StrayKind, Strays

#: What each is called, and what puts it back.
_WORDS: Final[dict[StrayKind, tuple[str, str]]] = {
    "record": ("in the hands of workers that are on no register", "qtop prune --dry-run"),
    "queue": ("in queues that are missing from the set of queues", "qtop register {name}"),
    "unreadable": ("set aside from queues that are on no list", "qtop register {name}"),
    "delayed": ("delayed, but not in the schedule", "qtop register --delayed {name}"),
    "failed": ("in lists of failures that are on no list", "qtop register --failures {name}"),
}


def stray_incidents(survey: HealthReport) -> Iterator[Incident]:
    """What no index leads to, as far as it was searched for."""
    if survey.strays is not None:
        yield from troubles(survey.strays)


def troubles(strays: Strays) -> Iterator[Incident]:
    """A sentence for each kind."""
    for kind, (words, remedy) in _WORDS.items():
        if found := strays.of(kind):
            yield _told(kind, found, words, remedy)


def _told(kind: StrayKind, found: tuple[Stray, ...], words: str, remedy: str) -> Incident:
    jobs = counted(sum(each.jobs for each in found), "job")
    text = f"{jobs} {words}: {named([each.name or repr('') for each in found])}"
    lead = Link("workers", filter="unregistered") if kind == "record" else None
    does = remedy.format(name=argument(found[0].name))
    return Incident("keys", "warn", text, kind, "", lead, does)

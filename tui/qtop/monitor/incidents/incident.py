"""One thing that is wrong, and the words that say so."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal, NamedTuple

from qtop.keymap.keymap import Where
from qtop.search.filter_language import term

Severity = Literal["bad", "warn", "note", "good"]
SEVERITIES: Final[tuple[Severity, ...]] = ("bad", "warn", "note", "good")
"""Worst first. A note is no trouble yet, or something that cannot be known."""

Check = Literal[
    "answer",
    "server",
    "keys",
    "pauses",
    "queues",
    "workers",
    "failures",
    "jobs",
    "scheduler",
    "clock",
    "all",
]
"""What is checked, in the order in which incidents are shown that are equally bad."""

Mending = Literal["", "prune", "pause", "pause_all", "start_workers", "show_aside"]
"""The id of an action that mends something; empty for none."""

#: Of many alike, so many are shown one by one.
_MOST: Final = 3


class Link(NamedTuple):
    """Where to look closer: a numbered screen, and the key of the row to go to there; without one,
    or when it has gone, the filter to set. Where several places are shown, the filter leaves only
    the rows of the one with the label `system`, if there is one."""

    place: Where
    key: Hashable = None
    filter: str = ""
    system: str = ""


def to_serving(queue: str, serving: int | None, system: str = "") -> Link:
    """The workers that serve a queue; where none does, the dead that would: they may be the
    reason. `serving` is how many do, None when that is unknown; `system` is as of `Link`."""
    words = term("lists" if serving == 0 else "serves", queue)
    return Link("workers", filter=words, system=system)


@dataclass(frozen=True, slots=True)
class Incident:
    """One thing that is wrong. Texts hold names as they are in Redis: not safe to show.

    Attributes:
        check: What was checked; the first part of its identity from poll to poll.
        severity: How bad it is.
        text: What is wrong and why, with the figures; a sentence without its full stop.
        kind: Which trouble of its check it is; the second part of its identity.
        subject: Whom it is about, such as a queue; the last part of its identity.
        link: Where to look closer; None when no screen shows more.
        remedy: What to do; empty when that depends.
        mends: What mends it: an action of Overview, or of where the link leads.
        doubt: That something could not be read, or not be judged; None when it is certain.
        cause: Why it is so, as far as that is known; a sentence without its full stop.
        evidence: The figures that show it, each by itself.
        more_remedies: What else to do, beside `remedy`.
        since: Since when, by the server's clock; None when it is not known.
        is_older: It was so when the console began to poll: it is older than `since`.
        is_over: It is no longer so, and keeps its place for a moment.
        system: The label of the place that it is about, where there are several.
    """

    check: Check
    severity: Severity
    text: str
    kind: str = ""
    subject: str = ""
    link: Link | None = None
    remedy: str = ""
    since: datetime | None = None
    mends: Mending = ""
    doubt: Literal["unread", "unjudged"] | None = None
    is_older: bool = False
    is_over: bool = False
    system: str = ""
    cause: str = ""
    evidence: tuple[str, ...] = ()
    more_remedies: tuple[str, ...] = ()

    @property
    def remedies(self) -> tuple[str, ...]:
        """All that can be done, the best first."""
        return tuple(filter(None, (self.remedy, *self.more_remedies)))

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it the same one at the next poll, among those of its place."""
        return self.check, self.kind, self.subject

    @property
    def row_key(self) -> Hashable:
        """The same among those of all places."""
        return (self.system, *self.key) if self.system else self.key


def of_queue(
    check: Check,
    severity: Severity,
    text: str,
    kind: str,
    queue: str,
    remedy: str = "",
    since: datetime | None = None,
    mends: Mending = "",
) -> Incident:
    """One about a queue, whose row shows more."""
    link = Link("queues", queue)
    return Incident(check, severity, text, kind, queue, link, remedy, since, mends)


def of_place(incident: Incident, label: str) -> Incident:
    """The same, as one of several places: it leads to the rows of its own."""
    link = incident.link
    if link is not None:
        key = None if link.key is None else (label, link.key)
        link = link._replace(key=key, system=label)
    return replace(incident, link=link, system=label)


def unread_doubt(text: str) -> Literal["unread"] | None:
    """The doubt where something could not be read; none where it is a value of another kind."""
    return None if "another kind of value" in text else "unread"


def first_few(incidents: Sequence[Incident], rest: Incident) -> list[Incident]:
    """The first of many alike, and one for the rest, whose text has a place for how many they are.
    One more than that is shown instead: it takes no more room."""
    if len(incidents) <= _MOST + 1:
        return list(incidents)
    return [*incidents[:_MOST], replace(rest, text=rest.text.format(len(incidents) - _MOST))]


def troubles(incidents: tuple[Incident, ...]) -> tuple[int, Severity]:
    """How many incidents are bad or warn, and the worst severity there is."""
    found = [each for each in incidents if not each.is_over]
    worst = min((SEVERITIES.index(each.severity) for each in found), default=len(SEVERITIES) - 1)
    return sum(each.severity in ("bad", "warn") for each in found), SEVERITIES[worst]

"""One thing that is wrong: what, since when, how bad, why, and what to do about it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal, NamedTuple

from qtop.keymap.keymap import Where
from qtop.model.health import Acknowledgement
from qtop.model.job import Job
from qtop.search.filter_language import term

Severity = Literal["crit", "warn", "info", "good"]
SEVERITIES: Final[tuple[Severity, ...]] = ("crit", "warn", "info", "good")
"""Worst first. Information is no trouble yet, or something that cannot be known."""

#: What is shown for a severity: never the colour alone.
SEVERITY_SIGNS: Final[dict[Severity, str]] = {"crit": "●", "warn": "▲", "info": "○", "good": "✓"}
SEVERITY_NAMES: Final[dict[Severity, str]] = {
    "crit": "CRIT",
    "warn": "WARN",
    "info": "INFO",
    "good": "OK",
}

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

RemedyAction = Literal[
    "",
    "table.open",
    "prune",
    "pause",
    "pause_all",
    "start_workers",
    "show_aside",
    "quarantine",
]
"""The id of an action; empty for what no key does."""

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


class Figure(NamedTuple):
    """A figure that shows an incident: `last heartbeats`, `08:00:58 to 08:01:02`."""

    label: str
    value: str


class Remedy(NamedTuple):
    """What to do about an incident, in words without a full stop.

    Attributes:
        action: The id of the action that does it: on Overview, or where the incident's link leads.
            `table.open` follows the link.
        command: The command that does it; empty for what no command does.
    """

    words: str
    action: RemedyAction = ""
    command: str = ""


def remedies_of(text: str) -> tuple[Remedy, ...]:
    """The remedy of a text that may be a command (`qtop reorder mail`); none for an empty one."""
    return (Remedy(text, command=text if text.startswith("qtop ") else ""),) if text else ()


@dataclass(frozen=True, slots=True)
class Incident:
    """One thing that is wrong. Texts hold names as they are in Redis: not safe to show.

    Attributes:
        check: What was checked; the first part of its identity from poll to poll.
        severity: How bad it is.
        text: What is wrong, in a few words: `mailers: no live workers`.
        kind: Which trouble of its check it is; the second part of its identity.
        subject: What it is about, such as a queue; the last part of its identity.
        link: Where to look closer; None when no screen shows more.
        figures: How much, how fast, how old: `1,852 waiting, +8/s, oldest 18 min`; may be empty.
        cause: Why it is so, as far as that is known: one or two sentences.
        evidence: The figures that show it, each with its label.
        meaning: What it does to the jobs, and what becomes of them: one or two sentences.
        remedies: What to do, the best first; none when that depends.
        since: Since when, by the server's clock; None when it is not known.
        doubt: That something could not be read, or not be judged; None when it is certain.
        is_older: It was so when the console began to poll: it is older than `since`.
        is_over: It is no longer so, and keeps its place for a moment.
        acknowledged: Who has acknowledged it, until when and why; None: it is open.
        job: The newest of the failures that it is about, for what quarantines it.
        system: The label of the place that it is about, where there are several.
    """

    check: Check
    severity: Severity
    text: str
    kind: str = ""
    subject: str = ""
    link: Link | None = None
    figures: str = ""
    cause: str = ""
    evidence: tuple[Figure, ...] = ()
    meaning: str = ""
    remedies: tuple[Remedy, ...] = ()
    since: datetime | None = None
    doubt: Literal["unread", "unjudged"] | None = None
    is_older: bool = False
    is_over: bool = False
    acknowledged: Acknowledgement | None = None
    job: Job | None = None
    system: str = ""

    @property
    def sentence(self) -> str:
        """What is wrong with its figures, for one line."""
        return f"{self.text}; {self.figures}" if self.figures else self.text

    @property
    def advice(self) -> str:
        """What to do where there are no keys: the first remedy that is more than a look."""
        more = (each for each in self.remedies if each.action != "table.open")
        return next((each.command or each.words for each in more), "")

    @property
    def is_acknowledged(self) -> bool:
        return self.acknowledged is not None

    @property
    def is_trouble(self) -> bool:
        """Whether it is bad enough to be counted, still so, and acknowledged by no one."""
        is_bad = self.severity in ("crit", "warn")
        return is_bad and not self.is_over and not self.is_acknowledged

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it the same one at the next poll, among those of its place."""
        return self.check, self.kind, self.subject

    @property
    def row_key(self) -> Hashable:
        """The same among those of all places."""
        return (self.system, *self.key) if self.system else self.key


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
    """How many incidents are troubles, and the worst severity of what is so and not
    acknowledged."""
    found = [each for each in incidents if not each.is_over and not each.is_acknowledged]
    worst = min((SEVERITIES.index(each.severity) for each in found), default=len(SEVERITIES) - 1)
    return sum(each.is_trouble for each in found), SEVERITIES[worst]

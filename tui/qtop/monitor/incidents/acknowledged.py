"""Which incidents somebody has acknowledged, as far as it is known here. No input or output."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from qtop.model.health import Acknowledgement, IncidentKey
from qtop.monitor.incidents.incident import SEVERITIES, Incident
from qtop.text.safe import counted
from queuecore.acknowledging import MOST_S

#: What began so soon after it was acknowledged is the same incident: clocks and polls differ.
_SLACK_S: Final = 10.0


class Acknowledgements:
    """What is known of a place: what was read from Redis, and what was done here since."""

    def __init__(self) -> None:
        #: What was read last; None while that is unknown.
        self._read: tuple[Acknowledgement, ...] | None = None
        #: What was done here and may not be in what was read; None: acknowledged no more.
        self._here: dict[IncidentKey, Acknowledgement | None] = {}

    @property
    def known(self) -> tuple[Acknowledgement, ...]:
        """All that are known, each incident's once."""
        found = {each.key: each for each in self._read or ()}
        for key, each in self._here.items():
            found.pop(key, None)
            if each is not None:
                found[key] = each
        return tuple(found.values())

    def take(self, read: Sequence[Acknowledgement] | None) -> None:
        """Take in what was read; None: it could not be read, and what was known still holds."""
        if read is not None:
            self._read = tuple(read)
            # What could not be written is only here.
            local = self._here.items()
            self._here = {key: each for key, each in local if each is not None and each.is_local}

    def note(self, key: IncidentKey, done: Acknowledgement | None) -> None:
        """Take in what was done here: None, where the incident is acknowledged no more."""
        self._here[key] = done

    def marked(self, incidents: Iterable[Incident], now: datetime) -> list[Incident]:
        """The incidents, those that are acknowledged with how. O(incidents)."""
        now_s = now.timestamp()
        # A clock that was wrong, or anything at all, may have noted an end in years.
        latest_s = now_s + MOST_S + _SLACK_S
        by_key = {each.key: each for each in self.known if now_s < each.until <= latest_s}
        marked: list[Incident] = []
        for incident in incidents:
            found = by_key.get(incident.key)
            if found is not None and _covers(found, incident):
                incident = replace(incident, acknowledged=found)
            marked.append(incident)
        return marked


def _covers(found: Acknowledgement, incident: Incident) -> bool:
    """Whether an acknowledgement is still about an incident: one that is worse by now is shown, and
    one that began anew, where it was to end with the incident."""
    severities: Sequence[str] = SEVERITIES
    if found.severity not in severities:
        return False
    if severities.index(incident.severity) < severities.index(found.severity):
        return False
    if not found.ends_with_it or incident.since is None or incident.is_older:
        return True
    return incident.since.timestamp() <= found.at + _SLACK_S


def how(found: Acknowledgement) -> str:
    """Who acknowledged an incident, until when and why, in words; not safe to show."""
    until = datetime.fromtimestamp(found.until, UTC).astimezone()
    end = "until resolved" if found.ends_with_it else f"until {until:%Y-%m-%d %H:%M}"
    why = f": {found.reason}" if found.reason else ""
    return f"acknowledged by {found.who}{' (here only)' * found.is_local} {end}{why}"


#: What identifies the row that stands for those that are acknowledged.
SUMMARY: Final = "acknowledged"


def listed(
    incidents: Sequence[Incident], sign: Callable[[str], str], *, shows_all: bool = False
) -> list[Incident]:
    """The incidents to list: in place of those that are acknowledged one that counts them, unless
    all are to be shown: then they come last. `sign` gives the key of an action. O(incidents)."""
    open_ones = [each for each in incidents if not each.is_acknowledged]
    others = [each for each in incidents if each.is_acknowledged]
    if not others:
        return open_ones
    if shows_all:
        return [*open_ones, *others]
    key = sign("show_acknowledged")
    them = "it" if len(others) == 1 else "them"
    text = f"{counted(len(others), 'incident')} acknowledged: {key} shows {them}"
    return [*open_ones, Incident("all", "info", text, SUMMARY)]

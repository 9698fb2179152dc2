"""What `qtop doctor --nagios` prints: the report of a monitoring plugin, for Nagios, Icinga and
others that run such plugins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from qtop.model.health import Finding, FindingLevel
from qtop.text.safe import counted, safe

_EXITS: Final = {"OK": 0, "WARNING": 1, "CRITICAL": 2, "UNKNOWN": 3}
_STATES: Final[dict[FindingLevel, str]] = {
    "OK": "OK",
    "WARN": "WARNING",
    "ERROR": "CRITICAL",
    "UNKNOWN": "UNKNOWN",
}
#: The worst first.
_ORDER: Final = ("CRITICAL", "WARNING", "UNKNOWN", "OK")
#: Their names in the performance data.
_FIGURES: Final = {
    "CRITICAL": "errors",
    "WARNING": "warnings",
    "UNKNOWN": "unknown",
    "OK": "ok",
}


class PlacedFinding(NamedTuple):
    """A finding, and the label of its place where there are several."""

    finding: Finding
    label: str = ""

    @property
    def state(self) -> str:
        """What it is for a monitor. That Redis does not answer says nothing of the jobs."""
        if self.finding.check == "connection" and self.finding.level == "ERROR":
            return "UNKNOWN"
        return _STATES[self.finding.level]

    @property
    def sentence(self) -> str:
        """It in one line, without the character that begins performance data."""
        of = f"{self.label}: " if self.label else ""
        remedy = f" ({self.finding.remedy})" if self.finding.remedy else ""
        text = f"{self.finding.check}: {of}{self.finding.text}{remedy}"
        return safe(text).replace("|", "/")


def report(findings: Sequence[PlacedFinding], took_s: float) -> tuple[list[str], int]:
    """The lines to print, and the exit status. The first line has the worst state, what is wrong
    first, and the performance data; a line follows for each finding, the worst first."""
    found = sorted(findings, key=lambda each: _ORDER.index(each.state))
    counts = Counter(each.state for each in found)
    state = found[0].state if found else "UNKNOWN"
    text = f"QTOP {state}: {', '.join(_counted(counts))}"
    if found and state != "OK":
        text += f"; {found[0].sentence}"
    figures = " ".join(f"{_FIGURES[each]}={counts[each]}" for each in _ORDER)
    lines = [f"{text} | {figures} time={took_s:.3f}s"]
    lines += [f"{each.state}: {each.sentence}" for each in found]
    return lines, _EXITS[state]


def _counted(counts: Counter[str]) -> Iterator[str]:
    nouns = {"CRITICAL": "error", "WARNING": "warning"}
    for state, noun in nouns.items():
        if counts[state]:
            yield counted(counts[state], noun)
    if counts["UNKNOWN"]:
        yield f"{counts['UNKNOWN']:,} unknown"
    yield f"{counts['OK']:,} ok"

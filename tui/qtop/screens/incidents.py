"""What the console shows of incidents: their rows, the panel beside them, a page of one's own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Final, NamedTuple

from rich.cells import cell_len

from qtop.keymap.keymap import PLACES, Where
from qtop.monitor.incidents import acknowledged
from qtop.monitor.incidents.incident import SEVERITY_NAMES, SEVERITY_SIGNS, Incident, Remedy
from qtop.monitor.poller import PollResult
from qtop.monitor.state import UiPolicy, ViewState
from qtop.screens.base import TextScreen
from qtop.text import format
from qtop.text.format import both_times
from qtop.text.safe import ago, crop, pad, safe, wrapped
from qtop.widgets.bars import Span
from qtop.widgets.columns import Column, ToneOf
from qtop.widgets.text_lines import TextLine

Spans = list[Span]


class IncidentRow(NamedTuple):
    """An incident, and the server's time now; None before the first poll."""

    incident: Incident
    now: datetime | None

    @property
    def system(self) -> str:
        """The label of the place that it is about."""
        return self.incident.system


def incident_rows(view: ViewState, *, shows_all: bool = False) -> list[IncidentRow]:
    """The incidents, the worst first; those that are acknowledged are only counted, unless
    `shows_all`."""
    moments = {part.label: _moment(part.server_time, part.poll, view) for part in view.parts}
    now = None if view.fleet is None else _moment(view.fleet.server_time, view.poll, view)
    listed = acknowledged.listed(view.insights.incidents, view.policy.sign, shows_all=shows_all)
    return [IncidentRow(each, moments.get(each.system, now)) for each in listed]


def _moment(server_time: datetime | None, poll: PollResult, view: ViewState) -> datetime | None:
    """The server's time now. Without an answer troubles last on, as far as is known."""
    if server_time is None:
        return None
    is_stale = poll.error is not None
    waited_s = view.now_mono - (poll.taken_mono or view.now_mono) if is_stale else 0.0
    return server_time + timedelta(seconds=max(0.0, waited_s))


def coarse(age_s: float | None) -> str:
    """An age that does not change every second: that would be bytes over ssh and no news."""
    return "<1 min" if age_s is not None and age_s < 60 else format.duration(age_s)


def since(row: IncidentRow) -> str:
    """How long an incident has held; of one that is older than the console, at least how long."""
    incident = row.incident
    if incident.is_over:
        return "over"
    if incident.since is None or row.now is None:
        return ""
    age_s = (row.now - incident.since).total_seconds()
    if incident.is_older:
        return f">{ago(age_s)}" if age_s >= 60 else "?"
    return coarse(age_s)


_TONES: Final[dict[str, ToneOf]] = {"crit": "bad", "warn": "warn", "info": "dim", "good": "good"}


def _sign_tone(row: IncidentRow) -> ToneOf:
    incident = row.incident
    is_settled = incident.is_over or incident.is_acknowledged
    return "dim" if is_settled else _TONES[incident.severity]


def _text_tone(row: IncidentRow) -> ToneOf | None:
    # The colour is in the sign: a list of red sentences cannot be read.
    incident = row.incident
    is_settled = incident.is_over or incident.is_acknowledged
    return "dim" if is_settled or incident.severity == "info" else None


class IncidentTexts:
    """The texts of incidents in one column: what is wrong, and below each other the figures, where
    that is not too long."""

    def __init__(self) -> None:
        self._cells = 0

    def fit(self, rows: Sequence[IncidentRow], most: int) -> None:
        """Begin the figures behind the longest text of these rows that has at most `most` cells."""
        lengths = (cell_len(safe(row.incident.text)) for row in rows if row.incident.figures)
        self._cells = max((each for each in lengths if each <= most), default=0)

    def cell(self, row: IncidentRow) -> str:
        """What is wrong, with its figures."""
        text, figures = safe(row.incident.text), safe(row.incident.figures)
        return f"{pad(text, max(self._cells, cell_len(text)))}  {figures}" if figures else text


def incident_columns(texts: IncidentTexts) -> tuple[Column[IncidentRow], ...]:
    """The columns of the incidents."""
    return (
        Column(
            *("severity", "", 1, lambda row: SEVERITY_SIGNS[row.incident.severity]),
            priority=90,
            style=_sign_tone,
        ),
        Column(*("incident", "incident", 28, texts.cell), flex=1, priority=100, style=_text_tone),
        Column("since", "for", 7, since, priority=80, align="right", style="dim"),
    )


# What to do about an incident.


class KeyedRemedy(NamedTuple):
    """A remedy, the keys that carry it out from Overview on (empty: none does), and what the last
    of them does, in a word."""

    remedy: Remedy
    keys: tuple[str, ...] = ()
    label: str = ""


def keyed_remedies(incident: Incident, policy: UiPolicy, *, read_only: bool) -> list[KeyedRemedy]:
    """What can be done about an incident, the best first, each with its keys."""
    return [_keyed(each, incident, policy, read_only) for each in incident.remedies]


def _keyed(remedy: Remedy, incident: Incident, policy: UiPolicy, read_only: bool) -> KeyedRemedy:
    def label_in(where: Where) -> str | None:
        actions = policy.actions({where}, read_only=read_only)
        # What is not in the footer has no label; its id says the same.
        labels = (
            each.label or each.id.replace("_", " ") for each in actions if each.id == remedy.action
        )
        return next(labels, None)

    link = incident.link
    if not remedy.action:
        return KeyedRemedy(remedy)
    opens = policy.sign("table.open")
    if remedy.action == "table.open":
        if link is None:
            return KeyedRemedy(remedy)
        return KeyedRemedy(remedy, (opens,), PLACES[link.place].removeprefix("on ").lower())
    sign = policy.sign(remedy.action)
    if (label := label_in("overview")) is not None:
        return KeyedRemedy(remedy, (sign,), label)
    if link is None or (label := label_in(link.place)) is None:
        return KeyedRemedy(remedy)
    return KeyedRemedy(remedy, (opens, sign), label)


def brief_advice(incident: Incident, remedies: Sequence[KeyedRemedy]) -> tuple[Spans, Spans]:
    """An incident's cause and its keys in one line, and what else to do, as far as that fits."""
    why = incident.cause or incident.meaning
    left = [Span(f"   {safe(why)}", "dim", 60, least=12)] if why else []
    right: Spans = []
    for rank, each in enumerate(remedies):
        if each.keys:
            name = f"remedy {rank}"
            right.append(Span(f"  {' '.join(each.keys)}", "key", 80 - rank, group=name))
            right.append(Span(f" {each.label}", "", 80 - rank, group=name))
    unkeyed = next((each.remedy for each in remedies if not each.keys), None)
    if unkeyed is not None:
        # Without keys, what to do counts for more than why.
        rank = 50 if right else 70
        right.append(Span(f"  → {safe(unkeyed.words)}", "dim", rank, least=16))
    return left, [*right, Span(" ")] if right else []


def detail(
    row: IncidentRow, remedies: Sequence[KeyedRemedy], cells: int, lines: int
) -> list[Spans]:
    """All about an incident on so many cells and lines at most: its cause, the evidence, what it
    means, since when, what to do with its keys. What there is no room for is left out: blank lines
    first, then what it means, then evidence."""
    incident = row.incident
    cause, meaning = (_sentence(text, cells) for text in (incident.cause, incident.meaning))
    if not cause and not meaning:
        cause = _sentence(incident.figures, cells)
    if incident.acknowledged is not None:
        cause = _sentence(acknowledged.how(incident.acknowledged), cells) + cause
    evidence = _evidence(row, cells)
    what_to_do = [_remedy(each, cells) for each in remedies]
    parts = [cause, evidence, meaning, what_to_do]
    for chosen, gap in ((parts, True), (parts, False), ([cause, evidence, what_to_do], False)):
        found = _joined(chosen, gap)
        if len(found) <= lines:
            return found
    room = max(0, lines - len(what_to_do))
    return [*cause, *evidence][:room] + what_to_do[:lines]


def _joined(parts: Sequence[list[Spans]], gap: bool) -> list[Spans]:
    found: list[Spans] = []
    for part in parts:
        if part and found and gap:
            found.append([])
        found += part
    return found


def _sentence(text: str, cells: int) -> list[Spans]:
    if not text:
        return []
    return [[Span(line)] for line in wrapped(safe(text), cells)]


def _evidence(row: IncidentRow, cells: int) -> list[Spans]:
    incident = row.incident
    pairs = [(safe(label), safe(value)) for label, value in incident.evidence]
    if incident.since is not None:
        moment = f"{incident.since.astimezone():%Y-%m-%d %H:%M:%S}"
        pairs.append(("since", f"before {moment}" if incident.is_older else moment))
    width = max((len(label) for label, _ in pairs), default=0)
    return [
        [Span(f"{label:{width}}  ", "dim"), Span(crop(value, max(0, cells - width - 2)))]
        for label, value in pairs
    ]


def _remedy(each: KeyedRemedy, cells: int) -> Spans:
    keys = f"{' '.join(each.keys)} " if each.keys else "→ "
    words = safe(each.remedy.words or each.remedy.command)
    return [Span(keys, "key" if each.keys else "dim"), Span(crop(words, cells - len(keys)))]


class IncidentScreen(TextScreen):
    """An incident that no other screen has more about; as it was, when it no longer holds."""

    PLACES: ClassVar[tuple[Where, ...]] = ("incident", "texts")
    TAB: ClassVar[Where] = "overview"
    NAME = "one incident"

    def __init__(self, incident: Incident) -> None:
        super().__init__()
        self._incident = incident

    def lines(self, view: ViewState) -> Iterable[TextLine]:
        key = self._incident.row_key
        now = next((each for each in view.insights.incidents if each.row_key == key), None)
        self._incident = incident = now or self._incident
        if now is None or now.is_over:
            yield TextLine("Resolved", "dim")
        yield TextLine(safe(incident.text))
        if incident.figures:
            yield TextLine(safe(incident.figures))
        yield TextLine("")
        tone = "bad" if incident.severity == "crit" else ""
        yield TextLine(SEVERITY_NAMES[incident.severity], tone, "severity")
        moment = both_times(incident.since)
        yield TextLine(f"before {moment}" if incident.is_older else moment, "", "since")
        if incident.acknowledged is not None:
            yield TextLine(safe(acknowledged.how(incident.acknowledged)))
        if incident.cause:
            yield TextLine(safe(incident.cause), "", "cause")
        for label, value in incident.evidence:
            yield TextLine(safe(value), "", safe(label))
        if incident.meaning:
            yield TextLine(safe(incident.meaning), "", "meaning")
        for each in keyed_remedies(incident, view.policy, read_only=view.read_only):
            keys = f"{' '.join(each.keys)}: " if each.keys else ""
            command = f" ({each.remedy.command})" if each.remedy.command else ""
            yield TextLine(f"{keys}{safe(each.remedy.words)}{safe(command)}", "", "what to do")

    def ticket(self) -> list[str]:
        # Imported here: seldom needed.
        from qtop.screens.tickets import incident_ticket

        return incident_ticket(self._incident, self.app.state.view())

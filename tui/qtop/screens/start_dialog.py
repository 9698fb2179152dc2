"""Asks which workers to start on this machine, and shows what will be run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Protocol

from rich.text import Text
from textual import on
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input, Label

from qtop.actions.plan import Refusal
from qtop.actions.request import MOST_PER_START, LaunchRequest
from qtop.screens.dialogs import CANCEL, Dialog, DialogButton
from qtop.text.safe import safe
from qtop.widgets.filter_input import InputField
from queuecore.errors import BadOption

#: The fields: their names in code, their labels, what they show when they are empty.
_FIELDS: Final = (
    ("queues", "queues", "names with commas, in order; * is all, !x not x"),
    ("count", "workers", f"1 to {MOST_PER_START}"),
    ("modules", "load", "modules with jobs, with commas: app.jobs"),
    ("interval", "interval", "seconds between two looks where waiting is impossible: 5"),
    ("jobs_per_fork", "jobs per fork", "how many jobs share a child: 1"),
    ("time_limit", "time limit", "seconds after which a job is ended: none"),
    ("template", "command", "instead of qtop's worker: QUEUES={queues} bundle exec ..."),
)
#: What means something to our own worker only.
_OWN: Final = ("modules", "jobs_per_fork", "time_limit")
_MOST_SHOWN: Final = 600


class LaunchCheck(Protocol):
    """What comes of a request."""

    def shown(self, request: LaunchRequest) -> str | Refusal:
        """The command line, without secrets, safe; or what to change, safe."""

    async def trouble(self, request: LaunchRequest) -> str | None:
        """Why the request cannot be carried out, safe; None when it can."""


class StartDialog(Dialog[LaunchRequest | None]):
    """Gives a request that was found to be possible.

    At first the fields show `request`. `check` is asked while it is typed, and before anything
    starts; the dialog waits for it.
    """

    AUTO_FOCUS = "#queues"

    def __init__(self, request: LaunchRequest, check: LaunchCheck) -> None:
        start = DialogButton("yes", "Start", "primary")
        super().__init__("Start workers on this machine?", (), (CANCEL, start))
        self._request, self._check = request, check
        self._is_checking = False

    def compose_fields(self) -> Iterable[Widget]:
        values = _texts(self._request)
        for name, label, placeholder in _FIELDS:
            with Horizontal(classes="field"):
                yield Label(label, classes="label")
                yield InputField(values[name], id=name, placeholder=placeholder)
        yield Label("", id="shown", markup=False)
        yield Label("", id="why-not", markup=False)

    @on(Input.Changed)
    def show_command(self) -> None:
        """Show what would be run, or why it cannot be."""
        has_template = bool(self._field("template").value.strip())
        for name in _OWN:
            self._field(name).disabled = has_template
        if found := self._find():
            self._tell(found[1], "")

    @on(Input.Submitted)
    def action_yes(self) -> None:
        """See whether it can be done, and then leave the dialog."""
        found = self._find()
        if found is not None and not self._is_checking:
            self._is_checking = True
            self._tell(found[1], "trying …")
            self.run_worker(self._try(*found), exclusive=True)

    async def _try(self, request: LaunchRequest, shown: str) -> None:
        try:
            reason = await self._check.trouble(request)
        finally:
            self._is_checking = False
        if reason is None:
            self.dismiss(request)
        else:
            self._tell(shown, reason)

    def _tell(self, shown: str, reason: str) -> None:
        runs = f"runs: {shown[:_MOST_SHOWN]}" if shown else ""
        self.query_one("#shown", Label).update(Text(runs))
        why_not = self.query_one("#why-not", Label)
        why_not.update(Text(reason))
        if reason:
            self.call_after_refresh(why_not.scroll_visible, animate=False)

    def _field(self, name: str) -> Input:
        return self.query_one(f"#{name}", Input)

    def _find(self) -> tuple[LaunchRequest, str] | None:
        """What was typed, and the command line; None after showing what is wrong with it."""
        refused = request = self._read()
        if isinstance(request, LaunchRequest):
            shown = self._check.shown(request)
            if isinstance(shown, str):
                return request, shown
            refused = shown
        if isinstance(refused, Refusal):
            self._tell("", refused.text)
        return None

    def _read(self) -> LaunchRequest | Refusal:
        values = {name: self._field(name).value.strip() for name, _, _ in _FIELDS}
        # What cannot be shown cannot be typed: untouched, it means the names it stands for.
        if values["queues"] == safe(self._request.queues).strip():
            values["queues"] = self._request.queues
        return read_request(values)


def read_request(values: Mapping[str, str]) -> LaunchRequest | Refusal:
    """The request that was typed, or what to change."""
    template = values["template"]
    try:
        return LaunchRequest(
            values["queues"],
            _whole(values["count"], "how many", MOST_PER_START) or 1,
            () if template else tuple(values["modules"].replace(",", " ").split()),
            template,
            _seconds(values["interval"], "the interval"),
            None if template else _whole(values["jobs_per_fork"], "jobs per fork", 1_000_000),
            None if template else _seconds(values["time_limit"], "the time limit"),
        )
    except BadOption as error:
        return Refusal(str(error))


def _texts(request: LaunchRequest) -> dict[str, str]:
    """What the fields show for a request."""

    def number(value: float | None) -> str:
        return "" if value is None else f"{value:g}"

    return {
        "queues": safe(request.queues),
        "count": str(request.count),
        "modules": ",".join(request.modules),
        "interval": number(request.interval_s),
        "jobs_per_fork": number(request.jobs_per_fork),
        "time_limit": number(request.time_limit_s),
        "template": request.template,
    }


def _whole(text: str, what: str, most: int) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 8 and 1 <= int(text) <= most):
        raise BadOption(f"{what}? a whole number from 1 to {most:,}")
    return int(text)


def _seconds(text: str, what: str) -> float | None:
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 1e7:
        raise BadOption(f"{what} is a number of seconds")
    return seconds

"""Acknowledges incidents from the console: asks, notes it in Redis for all, or only here."""

from __future__ import annotations

from functools import partial
from typing import Final

from qtop.model.health import Acknowledgement
from qtop.monitor.incidents.acknowledged import SUMMARY, how
from qtop.monitor.incidents.incident import Incident
from qtop.monitor.incidents.rules import NO_ANSWER
from qtop.screens.acknowledging import AcknowledgeDialog, Answer
from qtop.screens.console import Console
from qtop.text.safe import safe
from queuecore.acknowledging import MOST_S
from queuecore.errors import StoreError

_LAST: Final = "acknowledgements"


def acknowledge(app: Console, incident: Incident, who: str, *, read_only: bool) -> None:
    """Acknowledge an incident in somebody's name, after a question; end that of one that is
    acknowledged. Where Redis may not be written it counts here only, and the result says so."""
    if incident.severity == "good" or incident.is_over or incident.kind == SUMMARY:
        app.say("no incident in this row", "dim")
        return
    if incident.check == NO_ANSWER or app.state_of(incident.system).view().fleet is None:
        # Without its clock nothing tells when that would end.
        app.say("only while Redis answers can an incident be acknowledged", "warn")
        return
    work = partial(_noted, app, incident, who, read_only=read_only)
    if incident.is_acknowledged:
        app.run_worker(work(None), group=_LAST)
        return

    def answered(answer: Answer | None) -> None:
        if answer is not None:
            app.run_worker(work(answer), group=_LAST)

    redact = app.state.view().policy.redactor.text
    app.push_screen(AcknowledgeDialog(redact(safe(incident.sentence))), answered)


async def _noted(
    app: Console, incident: Incident, who: str, answer: Answer | None, *, read_only: bool
) -> None:
    state = app.state_of(incident.system)
    done = None if answer is None else _made(app, incident, who, answer)
    why = "read-only" if read_only else await _written(app, incident, done)
    if done is None:
        state.note_acknowledged(incident.key, None)
        only = f" here only ({why})" if why else ""
        redact = state.policy.redactor.text
        text = f"no longer acknowledged{only}: {redact(safe(incident.text))}"
        app.say(text, "warn" if why else "good")
    else:
        state.note_acknowledged(incident.key, done.here() if why else done)
        only = f" (not written to Redis: {why})" if why else ""
        app.say(safe(f"{how(done.here() if why else done)}{only}"), "warn" if why else "good")
    app.show_now()


def _made(app: Console, incident: Incident, who: str, answer: Answer) -> Acknowledgement | None:
    fleet = app.state_of(incident.system).view().fleet
    now_s = 0.0 if fleet is None else fleet.server_time.timestamp()
    ends_with_it = answer.seconds is None
    until = now_s + (MOST_S if answer.seconds is None else answer.seconds)
    return Acknowledgement(
        *(incident.key, incident.severity, who, answer.reason, now_s, until, ends_with_it)
    )


async def _written(app: Console, incident: Incident, done: Acknowledgement | None) -> str:
    """Write it. Returns why it could not be; empty where it was."""
    label, key = incident.system, incident.key
    known = app.state_of(label).acknowledged
    try:
        if done is None:
            await app.run_at(label, lambda system: system.forget_acknowledged(key))
        elif not await app.run_at(label, lambda system: system.acknowledge(done, known)):
            return "too many acknowledgements"
    except StoreError as error:
        return str(error)
    return ""

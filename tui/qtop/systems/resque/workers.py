"""What the console's keys would do to workers: unregister the dead, signal the living."""

from __future__ import annotations

import os
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from qtop.actions.plan import Outcome, Plan, RunOperation
from qtop.keymap.keymap import Danger
from qtop.monitor.rows import WorkerRow
from qtop.systems.resque import host_workers
from qtop.systems.resque.evidence import Case, words
from qtop.systems.resque.host_workers import TOLD, Wish
from qtop.text.safe import counted, safe
from queuecore import audit
from queuecore.action_record import ActionRecord, Actor
from queuecore.exchange import Steps
from queuecore.times import wall_now
from resque.errors import ResqueError
from resque.keys import Keys
from resque.store import pruning
from resque.store.pruning import Fate

#: The dialog scrolls; of more, the first tell enough.
_SHOWN: Final = 200
_VERBS: Final[dict[Wish, str]] = {
    "finish": "Stop",
    "end job": "End the job of",
    "stop now": "Stop now",
    "pause": "Pause",
    "resume": "Resume",
}


class WorkerPlans:
    """Makes plans for one namespace, in one operator's name."""

    def __init__(self, keys: Keys, actor: Actor, host: str) -> None:
        self._keys = keys
        self._actor = actor
        self._host = host

    def prune(self, cases: Sequence[Case]) -> Plan:
        """Take the workers off the register of whose death nothing speaks against."""
        dead = [case for case in cases if case.doubt is None]
        if not dead:
            return _nothing("no worker is dead: none has been silent for five minutes")
        kept = len(cases) - len(dead)
        details = [_consequence(dead)]
        if kept:
            details.append(f"{counted(kept, 'other')} may be alive and will be kept.")
        what = counted(len(dead), "dead worker")
        return self._take_off(f"Prune {what}", what, dead, details)

    def unregister(self, cases: Sequence[Case]) -> Plan:
        """Take these workers off the register, even if they may be alive."""
        details = [_consequence(cases)]
        doubts = [case.doubt for case in cases if case.doubt is not None]
        if doubts:
            details.append(f"May be alive: {safe(doubts[0])}. A live one goes on, unlisted.")
        one = safe(cases[0].worker_id) if len(cases) == 1 else counted(len(cases), "worker")
        word = "unregister" if doubts else None
        return self._take_off(f"Unregister {one}", f"unregister {one}", cases, details, word)

    def signal(self, rows: Sequence[WorkerRow], wish: Wish, on_told: Callable[[str], None]) -> Plan:
        """Signal workers that run on this machine. It is on record, but cannot be undone.
        `on_told` hears the id of each that got the signal."""
        one = safe(rows[0].identity.text) if len(rows) == 1 else counted(len(rows), "worker")
        verb = _VERBS[wish]

        async def run(send: RunOperation) -> Outcome:
            reasons: list[str] = []
            for row in rows:
                reason = host_workers.wish(row.identity, row.started, self._host, wish)
                if reason is None:
                    on_told(row.identity.text)
                else:
                    reasons.append(safe(reason))
            done = len(rows) - len(reasons)
            if done:
                await self._note(send, wish, done)
            text = f"told {done:,}: {TOLD[wish]}" if done else "nobody was told"
            if reasons:
                text += f"; not told {len(reasons):,}: {reasons[0]}"
            return Outcome(text, "warn" if reasons else "good")

        danger: Danger = "none" if wish in ("pause", "resume") else "confirm"
        details = (f"It gets {host_workers.SIGNALS[wish].name}: {TOLD[wish]}.",)
        return Plan(f"{verb} {one}", verb.split()[0], details, danger, run, many=len(rows))

    async def _note(self, send: RunOperation, wish: Wish, many: int) -> None:
        """Put signals on record. Where Redis does not take it, they were sent all the same."""
        action = "stop" if wish == "finish" else wish
        what = f"{counted(many, 'worker')} on {self._host}"
        trail = ActionRecord(self._actor, action, what, self._keys.workers(), many, undo_s=0)
        with suppress(ResqueError):
            await send(audit.note(self._keys, trail, many))

    def _take_off(
        self,
        what: str,
        subject: str,
        cases: Sequence[Case],
        details: Sequence[str],
        word: str | None = None,
    ) -> Plan:
        source = self._keys.workers()
        trail = ActionRecord(self._actor, "prune", subject, source, len(cases), undo_s=0)

        async def run(send: RunOperation) -> Outcome:
            fates = await send(_taken_off(self._keys, cases, trail))
            if fates is None:
                return Outcome("somebody else prunes at the moment: try again in a minute", "warn")
            done = fates.total() - fates["alive"]
            text = f"unregistered {done:,}, jobs failed {fates['failed']:,}"
            text += f", spared {fates['alive']:,} that gave a sign of life meanwhile"
            return Outcome(text, "warn" if fates["alive"] else "good")

        danger: Danger = "confirm" if word is None else "typed"
        more = len(cases) - _SHOWN
        listed = [*map(_line, cases[:_SHOWN]), *([f"and {more:,} more"] if more > 0 else [])]
        end = "This cannot be undone; a failed job can be requeued."
        # What follows from it first: the list may be longer than the dialog is high.
        lines = (*details, end, "\n".join(listed))
        return Plan(what, what.split()[0], lines, danger, run, word, many=len(cases))


def _taken_off(
    keys: Keys, cases: Sequence[Case], trail: ActionRecord
) -> Steps[Counter[Fate] | None]:
    """Act on each case. One round trip each, and one for the lock that all who prune take."""
    me = f"{socket.gethostname()}:{os.getpid()}:qtop"
    locked: bool = yield pruning.lock(keys, me)
    if not locked:
        return None
    fates: Counter[Fate] = Counter()
    for case in cases:
        fate = yield from pruning.take_off(keys, case.seen, wall_now, trail=trail)
        fates[fate] += 1
    return fates


def _line(case: Case) -> str:
    return f"{safe(case.worker_id)}: {words(case)}"


def _consequence(cases: Sequence[Case]) -> str:
    holding = sum(case.seen.record is not None for case in cases)
    if not holding:
        return "None of them holds a job."
    what = "its hands becomes a failure" if holding == 1 else "their hands become failures"
    return f"{counted(holding, 'job')} in {what}, to be requeued or deleted."


def _nothing(text: str) -> Plan:
    async def run(send: RunOperation) -> Outcome:
        return Outcome(text, "warn")

    return Plan("Prune", "Prune", (), "none", run)

"""What operators do to Sidekiq's processes: signals, also to other machines. `rescuing` has what is
done about those that died."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace as with_changes
from functools import partial
from typing import Final, NamedTuple

from qtop.actions.plan import Operator, Outcome, Plan, Refusal, acted
from qtop.actions.request import Signal, Wish
from qtop.actions.stopping import Stopped, between
from qtop.keymap.keymap import Danger
from qtop.model.fleet import Process
from qtop.systems.sidekiq.signal_watch import SignalWatch
from qtop.text.safe import safe
from queuecore.action_record import ActionRecord
from queuecore.bulk import Result
from queuecore.errors import StoreError
from queuecore.exchange import Steps
from queuecore.values import replace
from sidekiq.keys import SidekiqKeys
from sidekiq.store import signals
from sidekiq.store.signals import ProcessSignal


class _SignalWords(NamedTuple):
    """A signal: how it is asked for, what follows, and what comes before it."""

    signal: ProcessSignal
    verb: str
    effect: str
    danger: Danger


_STOP: Final = _SignalWords(
    *("TERM", "Stop", "takes no more jobs, gives running ones 25 s, unless set otherwise,"),
    "confirm",
)
_SIGNALS: Final[Mapping[Wish, _SignalWords]] = {
    "finish": _STOP,
    "stop now": _STOP,
    "pause": _SignalWords(
        "TSTP", "Quiet", "takes no more jobs, for as long as it lives", "confirm"
    ),
    "dump": _SignalWords("TTIN", "Dump", "writes what each thread does to its log", "none"),
}
_NO_SUCH_SIGNAL: Final[Mapping[Wish, str]] = {
    "end job": "Sidekiq cannot end a single running job: stop its process",
    "resume": "a quiet process stays quiet as long as it lives: stop it, and start another",
}
#: What a stopped process does with what is unfinished then.
_AFTER_STOP: Final = "then requeues unfinished jobs, and ends."


def prepare_signal(
    keys: SidekiqKeys, operator: Operator, request: Signal, watch: SignalWatch
) -> Plan | Refusal:
    """Say what signalling processes would do, or why none of them takes signals; `watch` hears of
    each that is sent."""
    words = _SIGNALS.get(request.wish)
    if words is None:
        return Refusal(_NO_SUCH_SIGNAL[request.wish])
    reasons = [_deafness(each) for each in request.processes]
    if all(reasons):
        return Refusal(reasons[0] or "there is no process")
    able = [each for each, why in zip(request.processes, reasons, strict=True) if why is None]
    many = len(able)
    one = safe(able[0].id) if many == 1 else f"{many:,} processes"
    record = operator.record(words.verb.lower(), one, keys.processes(), many)
    effect = f"It gets {words.signal} and {words.effect}"
    details = [f"{effect} {_AFTER_STOP}" if words is _STOP else f"{effect}."]
    details.append("Read at the next heartbeat, within 10 s; an unread signal expires after 60 s.")
    details.append(f"Until it is read, {operator.way_back()}")
    kept = tuple(Counter(why for why in reasons if why is not None).items())
    details += [f"Skipped: {why}." for why, _ in kept]
    meant = with_changes(request, processes=tuple(able))
    run = partial(_signal, keys, meant, words, record, watch, kept)
    title = f"{words.verb} {one}"
    return Plan(title, words.verb, tuple(details), words.danger, run, many=many, record=record)


def _deafness(process: Process) -> str | None:
    """Why a process takes no signals, in words; None when it does, as far as is known."""
    facts = process.facts
    if facts is not None and facts.is_gone:
        return "it is gone: it died, or was cut off"
    if process.has_beat is False:
        return "it has no heartbeat, so it reads no signals"
    if facts is not None and facts.is_embedded:
        return "it is embedded in another program, which must not be stopped"
    return None


def _signal(
    keys: SidekiqKeys,
    request: Signal,
    words: _SignalWords,
    record: ActionRecord,
    watch: SignalWatch,
    kept: Sequence[tuple[str, int]],
) -> Steps[Outcome]:
    """Signal one after the other, for each is told. Two round trips each."""
    result = Result()
    for at, process in enumerate(request.processes):
        try:
            yield between(at, len(request.processes))
        except Stopped as error:
            result = replace(result, stopped=error)
            break
        try:
            [before] = yield signals.looks(keys, [process.id])
        except StoreError as error:
            result = replace(result, stopped=error)
            break
        sent = yield from signals.send(keys, words.signal, [process.id], record)
        result = result.plus(sent.done, sent.gone, (why for why, _ in sent.refused))
        if sent.done:
            watch.note(process.id, words.signal, before)
            request.tell(process.id)
        if sent.stopped is not None:
            result = replace(result, stopped=sent.stopped)
            break
    return acted(f"asked to {words.verb.lower()}:", result, record, kept)

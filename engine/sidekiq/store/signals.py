"""Signals to processes: quiet, stop, dump threads; and what a process has made of one, as far as it
can be told from outside.

A process reads one signal with each heartbeat (every 5 s up to 6, every 10 s since 7), in the step
that also writes its `beat` and its `quiet` flag; it acts after that. So the flag shows one beat
after the signal was read. (Source: Launcher#heartbeat, Process#signal.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from queuecore import times
from queuecore.action_record import ActionRecord, recorded
from queuecore.bulk import Result
from queuecore.errors import StoreError
from queuecore.exchange import Arg, Command, Exchange, Reply, Steps
from queuecore.keys import name_bytes, name_text
from queuecore.values import replace, value
from sidekiq.keys import SidekiqKeys
from sidekiq.scripts import load_script

_SIGNAL = load_script("signal")

ProcessSignal = Literal["TSTP", "TERM", "TTIN"]
"""Quiet, stop, dump threads. Newer processes take INFO for TTIN, too; all take TTIN."""

#: A signal that is not read by then is gone. (Source: Process#signal.)
SIGNAL_S: Final = 60
#: Processes that one script signals.
_AT_ONCE: Final = 250
#: Signals that are looked at: each is one heartbeat.
_MOST_SIGNALS: Final = 100
_REASONS: Final[Mapping[int, str]] = {
    -1: "it is embedded in another program, which no signal may end",
    -2: "it does not tell what it is",
    -3: "its key or that of its signals holds something else",
}


def send(
    keys: SidekiqKeys,
    signal: ProcessSignal,
    identities: Sequence[str],
    record: ActionRecord | None = None,
) -> Steps[Result]:
    """Push a signal for each of these processes; `gone` have left or are silent. It can be taken
    back until the process reads it. One round trip for each 250, O(processes)."""
    result = Result()
    for first in range(0, len(identities), _AT_ONCE):
        part = identities[first : first + _AT_ONCE]
        try:
            verdicts = yield replace(
                _send(keys, signal, part, record), progress=(first, len(identities))
            )
        except StoreError as error:
            return replace(result, stopped=error)
        done, gone = verdicts.count(1), verdicts.count(0)
        result = result.plus(done, gone, (_REASONS[each] for each in verdicts if each < 0))
    return result


def _send(
    keys: SidekiqKeys,
    signal: ProcessSignal,
    identities: Sequence[str],
    record: ActionRecord | None,
) -> Exchange[list[int]]:
    touched = [keys.processes()]
    for identity in identities:
        touched += [keys.process(identity), keys.signals(identity)]
    args: list[Arg] = [signal, SIGNAL_S, *map(name_bytes, identities)]
    return recorded(_SIGNAL, keys, record, touched, args, list)


@value
class SignalLook:
    """What can be seen of a process that was sent a signal.

    Attributes:
        at_s: When, in seconds by the server's clock.
        is_there: Whether it is a process that has not left, and its hash exists.
        waiting: The signals that it has not read; None where that cannot be told.
        beat: Its last heartbeat, as it wrote it.
        is_quiet: Whether it says that it takes no more jobs.
    """

    at_s: float
    is_there: bool
    waiting: tuple[str, ...] | None = ()
    beat: bytes = b""
    is_quiet: bool = False


def looks(keys: SidekiqKeys, identities: Sequence[str]) -> Exchange[list[SignalLook]]:
    """Look at some processes. One round trip, O(processes)."""
    commands: list[Command] = [("TIME",)]
    for identity in identities:
        # The signals first: what is read between the two shows as read.
        commands.append(("LRANGE", keys.signals(identity), 0, _MOST_SIGNALS - 1))
        commands.append(("HMGET", keys.process(identity), "beat", "quiet"))
        commands.append(("EXISTS", keys.process(identity)))
        commands.append(("SISMEMBER", keys.processes(), name_bytes(identity)))

    def parse(replies: list[Reply]) -> list[SignalLook]:
        at_s = times.from_server(*replies[0]).timestamp()
        parts = (replies[i : i + 4] for i in range(1, len(replies), 4))
        return [_look(at_s, *part) for part in parts]

    return Exchange(tuple(commands), parse, tolerant=True)


def _look(at_s: float, signals: Reply, fields: Reply, exists: Reply, member: Reply) -> SignalLook:
    waiting = None if isinstance(signals, StoreError) else tuple(map(name_text, signals))
    beat, quiet = (None, None) if isinstance(fields, StoreError) else fields
    return SignalLook(at_s, exists == 1 and member == 1, waiting, beat or b"", quiet == b"true")


SignalFate = Literal["asked", "read", "quiet", "gone", "taken back", "expired", "unknown"]
"""What became of a signal: it waits; the process has read it; it says that it is quiet; it has left
or is silent; someone took the signal back; nobody read it within a minute; that cannot be told
yet."""

#: After these nothing follows.
_LAST: Final = ("quiet", "gone", "taken back", "expired")


@value
class AskedSignal:
    """A signal that was sent, and what was seen since.

    Attributes:
        before: How the process looked right before that.
        seen: How it looked when its signals were read last.
    """

    signal: ProcessSignal
    before: SignalLook
    seen: SignalLook
    state: SignalFate = "asked"


def asked(signal: ProcessSignal, before: SignalLook) -> AskedSignal:
    """A signal that is sent now to a process that looks like this."""
    return AskedSignal(signal, before, before)


def after(this: AskedSignal, look: SignalLook) -> AskedSignal:
    """The same, when it has been looked at once more. Pure."""
    state = this.state if this.state in _LAST else _state(this, look)
    return replace(this, seen=this.seen if look.waiting is None else look, state=state)


def _state(this: AskedSignal, look: SignalLook) -> SignalFate:
    if not look.is_there:
        return "gone"
    # A process that stops is quiet, too, as long as it is there.
    if this.signal != "TTIN" and look.is_quiet and not this.before.is_quiet:
        return "quiet"
    if this.state == "read" or look.waiting is None:
        return this.state
    if this.signal in look.waiting:
        return "asked"
    if this.state == "unknown":
        return _after_unknown(this, look)
    is_late = look.at_s - this.before.at_s > SIGNAL_S
    if look.beat == this.seen.beat:
        # Without a heartbeat nothing was read.
        return "expired" if is_late else "taken back"
    # Late it may have been read, or have expired before the process beat again.
    return "unknown" if is_late else "read"


def _after_unknown(this: AskedSignal, look: SignalLook) -> SignalFate:
    """The flag that would show by the next beat, where it could, tells it."""
    is_told = this.signal == "TSTP" and not this.before.is_quiet
    return "expired" if is_told and look.beat != this.seen.beat else "unknown"

"""Signals to processes: pushed as Sidekiq's own API does, taken back, and what became of one."""

from __future__ import annotations

import pytest
from tests.support.direct import Direct
from tests.support.golden import load, restore
from tests.support.sidekiq_processes import KEYS, beat, leave, taken_back, trail

from queuecore import audit
from queuecore.errors import WrongType
from queuecore.stores import Store
from queuecore.values import replace
from sidekiq.keys import SidekiqKeys
from sidekiq.store import signals
from sidekiq.store.signals import AskedSignal, ProcessSignal, SignalFate, SignalLook

ID = "host:1:0123456789ab"
ACTIONS: dict[str, ProcessSignal] = {
    "api-dump_threads": "TTIN",
    "api-quiet": "TSTP",
    "api-stop": "TERM",
}
VERSIONS = ("v5.2.10", "v6.4.1", "v6.4.1-namespaced", "v6.5.12", "v7.3.2", "v8.1.7")


def before_it(version: str, action: str) -> str:
    """The recording before that of an action."""
    if action == "api-dump_threads":
        return "api-mark_deploy" if version >= "v7" else "api-queue_clear"
    return {"api-quiet": "api-dump_threads", "api-stop": "api-quiet"}[action]


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("version", VERSIONS)
def test_a_signal_is_pushed_as_the_recorded_api_pushes_it(
    direct: Direct, store: Store, version: str, action: str
) -> None:
    keys = SidekiqKeys("app" if "namespaced" in version else "")
    prefix = "app:" if keys.namespace else ""
    restore(direct, f"sidekiq/{version}-{before_it(version, action)}")
    [identity] = [each.decode() for each in direct("SMEMBERS", keys.processes())]
    direct("EXPIRE", keys.process(identity), 60)
    assert store.run(signals.send(keys, ACTIONS[action], [identity])).done == 1
    after = load(f"sidekiq/{version}-{action}")["keys"]
    recorded = after.get(f"{prefix}{identity}-signals")
    ours = [each.decode() for each in direct("LRANGE", keys.signals(identity), 0, -1)]
    assert ours[0] == ACTIONS[action]
    if recorded is not None:
        assert ours[0] == recorded["value"][0]
    else:
        # One process had read it before it was recorded.
        assert version == "v6.5.12"
        beat_then = after[identity]["value"]["beat"].encode()
        assert direct("HGET", keys.process(identity), "beat") != beat_then
    assert 50 < direct("TTL", keys.signals(identity)) <= 60


@pytest.mark.parametrize("version", VERSIONS)
def test_the_recorded_processes_look_quiet_or_gone(
    direct: Direct, store: Store, version: str
) -> None:
    keys = SidekiqKeys("app" if "namespaced" in version else "")
    seen: dict[str, SignalLook] = {}
    identities: list[str] = []
    for recording in ("2-running", "3-quiet", "4-stopped"):
        direct("FLUSHALL")
        restore(direct, f"sidekiq/{version}-{recording}")
        members = [each.decode() for each in direct("SMEMBERS", keys.processes())]
        identities += members
        assert bool(members) == (recording != "4-stopped")
        [seen[recording]] = store.run(signals.looks(keys, identities[-1:]))
    this = signals.asked("TSTP", seen["2-running"])
    this = signals.after(this, seen["3-quiet"])
    assert this.state == "quiet"
    this = signals.after(signals.asked("TERM", seen["3-quiet"]), seen["4-stopped"])
    assert this.state == "gone"


def test_only_members_with_a_hash_that_are_not_embedded_get_a_signal(
    direct: Direct, store: Store
) -> None:
    for name in ("plain", "left", "silent", "embedded", "odd", "mute", "barred"):
        beat(direct, name, embedded=name == "embedded")
    leave(direct, "left")
    direct("DEL", "silent", "odd")
    direct("SET", "odd", "1")
    direct("HSET", "mute", "info", "[" * 5000)
    direct("SET", "barred-signals", "1")
    mine = trail("quiet")
    who = ["plain", "left", "silent", "embedded", "odd", "mute", "barred", "never"]
    result = store.run(signals.send(KEYS, "TSTP", who, mine))
    assert (result.done, result.gone) == (1, 3)
    assert sum(count for _, count in result.refused) == 4
    assert any("embedded" in reason for reason, _ in result.refused)
    assert direct("LRANGE", "plain-signals", 0, -1) == [b"TSTP"]
    assert {*map(bytes, direct("KEYS", "*-signals"))} == {b"plain-signals", b"barred-signals"}
    [entry] = store.run(audit.newest(KEYS, 9))
    assert (entry.action, entry.done) == ("quiet", 1)
    assert entry.undo_left_s is not None
    assert entry.undo_left_s <= signals.SIGNAL_S


def test_nothing_is_done_where_the_set_of_processes_is_none(direct: Direct, store: Store) -> None:
    direct("SET", "processes", "x")
    with pytest.raises(WrongType):
        raise store.run(signals.send(KEYS, "TSTP", ["a"])).stopped or AssertionError
    assert direct("KEYS", "*") == [b"processes"]


def test_thousands_of_processes_are_signalled_each_once(direct: Direct, store: Store) -> None:
    who = [f"h:{number}" for number in range(1200)]
    for each in who:
        direct("HSET", each, "info", "{}")
    direct("SADD", "processes", *who)
    mine = trail("stop")
    assert store.run(signals.send(KEYS, "TERM", who, mine)).done == 1200
    assert all(direct("LLEN", f"{each}-signals") == 1 for each in who)
    assert taken_back(store, mine).done == 1200
    assert direct("EXISTS", *(f"{each}-signals" for each in who)) == 0


def test_a_signal_is_taken_back_until_it_is_read(direct: Direct, store: Store) -> None:
    for name in ("a", "b"):
        beat(direct, name)
        direct("LPUSH", f"{name}-signals", "TTIN")
    mine = trail("quiet")
    store.run(signals.send(KEYS, "TSTP", ["a", "b"], mine))
    # A process takes the oldest; `b` has taken both.
    direct("RPOP", "b-signals")
    direct("RPOP", "b-signals")
    undone = taken_back(store, mine)
    assert (undone.done, undone.lost) == (1, 1)
    assert direct("LRANGE", "a-signals", 0, -1) == [b"TTIN"]
    assert not taken_back(store, mine).is_known


def test_a_look_tells_what_stands_in_redis(direct: Direct, store: Store) -> None:
    beat(direct, ID, "17.25")
    direct("LPUSH", f"{ID}-signals", "TTIN", "TSTP")
    beat(direct, "odd", quiet=True)
    direct("SET", "odd-signals", "x")
    first, odd, none = store.run(signals.looks(KEYS, [ID, "odd", "none"]))
    assert (first.waiting, first.beat, first.is_quiet) == (("TSTP", "TTIN"), b"17.25", False)
    assert first.is_there
    assert (odd.waiting, odd.is_quiet, odd.is_there) == (None, True, True)
    assert not none.is_there
    assert first.at_s > 1.7e9


BEFORE_IT = SignalLook(100.0, True, (), b"1.0")


def wait(signal: ProcessSignal, *seen: SignalLook, before: SignalLook = BEFORE_IT) -> SignalFate:
    """What became of a signal after some looks."""
    this: AskedSignal = signals.asked(signal, before)
    assert this.state == "asked"
    for look in seen:
        this = signals.after(this, look)
    return this.state


def look(at_s: float, *waiting: str, beat: str = "1.0", quiet: bool = False) -> SignalLook:
    return SignalLook(at_s, True, waiting, beat.encode(), quiet)


GONE = SignalLook(120.0, False)


@pytest.mark.parametrize(
    ("signal", "seen", "state"),
    [
        ("TSTP", [look(101, "TSTP")], "asked"),
        ("TSTP", [look(101, "TSTP", "TTIN", beat="2.0")], "asked"),
        ("TSTP", [look(106, beat="2.0")], "read"),
        ("TSTP", [look(106, beat="2.0"), look(111, beat="3.0", quiet=True)], "quiet"),
        ("TERM", [look(106, beat="2.0"), look(111, beat="3.0", quiet=True)], "quiet"),
        ("TTIN", [look(106, beat="2.0"), look(111, beat="3.0", quiet=True)], "read"),
        ("TERM", [look(106, beat="2.0"), GONE], "gone"),
        ("TSTP", [look(106, beat="2.0"), look(200, beat="9.0")], "read"),
        # It is off the list although the process has not beaten: somebody took it.
        ("TSTP", [look(106)], "taken back"),
        ("TSTP", [look(101, "TSTP", "TTIN", beat="2.0"), look(103, beat="2.0")], "taken back"),
        ("TSTP", [look(130, "TSTP"), look(161)], "expired"),
        # Both may be: only the flag tells.
        ("TSTP", [look(130, "TSTP"), look(165, beat="2.0")], "unknown"),
        (
            "TSTP",
            [look(130, "TSTP"), look(165, beat="2.0"), look(170, beat="3.0", quiet=True)],
            "quiet",
        ),
        ("TSTP", [look(165, beat="2.0"), look(166, beat="2.0")], "unknown"),
        ("TSTP", [look(165, beat="2.0"), look(170, beat="3.0")], "expired"),
        ("TERM", [look(165, beat="2.0"), look(170, beat="3.0")], "unknown"),
        ("TSTP", [replace(look(106, beat="2.0"), waiting=None)], "asked"),
        ("TSTP", [GONE, look(130, beat="2.0", quiet=True)], "gone"),
    ],
)
def test_what_became_of_a_signal(
    signal: ProcessSignal, seen: list[SignalLook], state: SignalFate
) -> None:
    assert wait(signal, *seen) == state


def test_a_process_that_was_quiet_before_proves_nothing_by_its_flag() -> None:
    before = replace(BEFORE_IT, is_quiet=True)
    assert wait("TERM", look(101, "TERM", quiet=True), before=before) == "asked"
    assert wait("TERM", look(106, beat="2.0", quiet=True), before=before) == "read"

"""The newest failures are read at each look, unless they are so large that this is a burden."""

from __future__ import annotations

from tests.engine import eye as eyes
from tests.engine.direct import Direct
from tests.engine.eye import KEYS, TURNS, Eye

from resque.state.newest_failures import Newest
from resque.wire.exchange import Call, Exchange
from resque.wire.slices import at_once
from resque.wire.stores import Store

eye = eyes.eye


def fail_largely(direct: Direct, number: int, length: int = 70_000) -> None:
    entries = [f'{{"failed_at":"{n}","error":"{"x" * length}"}}' for n in range(number)]
    direct("RPUSH", "resque:failed", *entries)


def reads_failures(eye: Eye) -> bool:
    """Whether the last look's first round trip asked for them."""
    return any(isinstance(each, Call) and each.script.name == "window" for each in eye.sent[0])


def test_large_failures_are_read_again_where_there_are_others_or_after_some_looks(
    eye: Eye, direct: Direct
) -> None:
    fail_largely(direct, 15)
    first = eye.look()
    assert len(first.failures) == 15
    again = eye.look()
    assert not reads_failures(eye)
    assert (again.failed, again.failures) == (15, first.failures)
    assert again.failures[0] is first.failures[0]
    fail_largely(direct, 1)
    # How many there are is known at once.
    assert eye.look().failed == 16
    assert len(eye.look().failures) == 16
    read = 0
    for _ in range(TURNS):
        eye.look()
        read += reads_failures(eye)
    assert read == 1


def test_usual_failures_are_read_at_each_look(eye: Eye, direct: Direct) -> None:
    fail_largely(direct, 15, length=500)
    for _ in range(3):
        assert len(eye.look().failures) == 15
        assert reads_failures(eye)


def test_of_large_failures_fewer_are_read(store: Store, direct: Direct) -> None:
    newest = Newest(KEYS, limit=100)
    fail_largely(direct, 45)

    def look() -> int:
        reply = store.run(Exchange((newest.ask(),), lambda replies: replies[0]))
        _, seen = newest.parse(reply)
        return len(at_once(newest.read(seen)))

    assert look() == 45
    fail_largely(direct, 1)
    look()
    assert look() == 40
    direct("LTRIM", "resque:failed", 0, 2)
    look()
    assert look() == 3

"""The newest failures are read at each look, unless they are so large that this is a burden."""

from __future__ import annotations

import pytest
from tests.support import recording_reader
from tests.support.direct import Direct
from tests.support.known import known
from tests.support.recording_reader import KEYS, TURNS, RecordingReader

from queuecore.cooperative import at_once
from queuecore.exchange import Call, Exchange
from queuecore.stores import Store
from resque.errors import Unreachable
from resque.store.failures import NewestFailures
from resque.store.worker_reader import LargeFleet

reader = recording_reader.reader


def fail_largely(direct: Direct, number: int, length: int = 70_000) -> None:
    entries = [f'{{"failed_at":"{n}","error":"{"x" * length}"}}' for n in range(number)]
    direct("RPUSH", "resque:failed", *entries)


def reads_failures(reader: RecordingReader) -> bool:
    """Whether the last look's first round trip asked for them."""
    return any(isinstance(each, Call) and each.script.name == "window" for each in reader.sent[0])


def test_large_failures_are_read_again_where_there_are_others_or_after_some_looks(
    reader: RecordingReader, direct: Direct
) -> None:
    fail_largely(direct, 15)
    first = reader.look()
    assert len(known(first.failures)) == 15
    again = reader.look()
    assert not reads_failures(reader)
    assert (again.failed, again.failures) == (15, first.failures)
    assert known(again.failures)[0] is known(first.failures)[0]
    fail_largely(direct, 1)
    # How many there are is known at once.
    assert reader.look().failed == 16
    assert len(known(reader.look().failures)) == 16
    read = 0
    for _ in range(TURNS):
        reader.look()
        read += reads_failures(reader)
    assert read == 1


def test_usual_failures_are_read_at_each_look(reader: RecordingReader, direct: Direct) -> None:
    fail_largely(direct, 15, length=500)
    for _ in range(3):
        assert len(known(reader.look().failures)) == 15
        assert reads_failures(reader)


def test_of_large_failures_fewer_are_read(store: Store, direct: Direct) -> None:
    newest = NewestFailures(KEYS, limit=100)
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


@pytest.fixture
def sparing(store: Store) -> RecordingReader:
    """An reader on a large fleet, as which every one counts, once it has settled."""
    return RecordingReader(store, large=LargeFleet(few=0, unread_s=1e9))


def fail(direct: Direct, *names: str) -> None:
    direct("RPUSH", "resque:failed", *(f'{{"error":"{name}"}}' for name in names))


def errors(reader: RecordingReader) -> list[str | None]:
    return [failure.error for failure in known(reader.look().failures)]


def settle(reader: RecordingReader, direct: Direct) -> None:
    """Look until the failures are not read again."""
    direct("SADD", "resque:workers", "h:1:a")
    reader.look()
    while reads_failures(reader):
        reader.look()


def test_of_a_large_fleet_only_those_are_read_that_have_come(
    sparing: RecordingReader, direct: Direct
) -> None:
    fail(direct, "one", "two")
    settle(sparing, direct)
    before = known(sparing.look().failures)
    fail(direct, "three")
    seen = sparing.look()
    assert not reads_failures(sparing)
    assert seen.failed == 3
    assert [failure.error for failure in known(seen.failures)] == ["three", "two", "one"]
    assert list(map(id, known(seen.failures)[1:])) == list(map(id, before))
    fail(direct, *map(str, range(15)))
    assert errors(sparing)[:2] == ["14", "13"]
    # The console reads twenty.
    fail(direct, "x", "y", "z")
    assert errors(sparing) == ["z", "y", "x", *map(str, range(14, -1, -1)), "three", "two"]
    fail(direct, *map(str, range(50)))
    assert errors(sparing) == [str(number) for number in range(49, 29, -1)]


@pytest.mark.parametrize(
    "command",
    [
        ("LPOP", "resque:failed"),
        ("RPOP", "resque:failed"),
        ("LREM", "resque:failed", 1, '{"error":"two"}'),
        ("DEL", "resque:failed"),
        ("LSET", "resque:failed", 0, '{"error":"another"}'),
        ("LSET", "resque:failed", -1, '{"error":"another"}'),
    ],
)
@pytest.mark.parametrize("come", [0, 1, 3])
def test_failures_that_go_are_noticed(
    sparing: RecordingReader, direct: Direct, command: tuple[str | int, ...], come: int
) -> None:
    fail(direct, "one", "two", "three")
    settle(sparing, direct)
    direct(*command)
    if come:
        fail(direct, *map(str, range(come)))
    left = direct("LRANGE", "resque:failed", 0, -1)
    seen = sparing.look()
    assert [failure.item.raw for failure in known(seen.failures)] == left[::-1]
    assert [failure.place for failure in known(seen.failures)] == list(range(len(left)))[::-1]


def test_a_mark_by_another_program_shows_after_some_polls(
    sparing: RecordingReader, direct: Direct
) -> None:
    fail(direct, "one", "two", "three")
    settle(sparing, direct)
    direct("LSET", "resque:failed", 1, '{"error":"two","retried_at":"2026/11/23 12:00:00"}')
    assert errors(sparing) == ["three", "two", "one"]
    marks = [known(sparing.look().failures)[1].retried_at for _ in range(TURNS + 1)]
    assert marks[-1] == "2026/11/23 12:00:00"


def test_after_an_action_of_ones_own_everything_is_read(
    sparing: RecordingReader, direct: Direct
) -> None:
    fail(direct, "one", "two", "three")
    settle(sparing, direct)
    direct("LSET", "resque:failed", 1, '{"error":"two","retried_at":"2026/11/23 12:00:00"}')
    sparing.read_all()
    with pytest.raises(Unreachable):
        sparing.look(breaks_off=True)
    assert known(sparing.look().failures)[1].retried_at == "2026/11/23 12:00:00"
    assert reads_failures(sparing)
    assert sparing.records_asked() == {"h:1:a"}


def test_huge_failures_stay_cut_when_others_come(sparing: RecordingReader, direct: Direct) -> None:
    fail_largely(direct, 2)
    settle(sparing, direct)
    fail(direct, "small")
    fail_largely(direct, 1, length=80_000)
    seen = sparing.look()
    assert not reads_failures(sparing)
    assert [failure.item.is_cut for failure in known(seen.failures)] == [True, False, True, True]

"""Large fleets: who is registered and when each has beaten is read now and then, and at once when
there are more or fewer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.support.direct import Direct
from tests.support.known import known
from tests.support.recording_reader import KEYS, RecordingReader
from tests.support.registered_workers import hire
from tests.support.rights import refused

from queuecore.exchange import Call
from queuecore.stores import Store
from resque.errors import Unreachable
from resque.store import workers
from resque.store.snapshot import EngineSnapshot
from resque.store.worker_reader import LargeFleet, WorkerRegister

#: Looks after which the register is read again, whatever the clock does.
LOOKS = 11
LATER = "2026-11-23T13:00:00+00:00"


@pytest.fixture
def reader(store: Store) -> RecordingReader:
    """To it every fleet is a large one, and it is never time to read the register."""
    return RecordingReader(store, large=LargeFleet(few=0, unread_s=1e9))


def reads_all(reader: RecordingReader) -> bool:
    """Whether the last look read the register with plain commands."""
    plain = {c[:2] for c in reader.sent[0] if not isinstance(c, Call)}
    return ("SMEMBERS", KEYS.workers()) in plain


def settle(reader: RecordingReader) -> None:
    """Look until the register is known."""
    reader.look()
    while reads_all(reader):
        reader.look()


def names(seen: EngineSnapshot) -> list[str]:
    return [worker.id for worker in known(seen.processes)]


def test_a_worker_that_comes_or_goes_is_seen_at_once(
    reader: RecordingReader, direct: Direct
) -> None:
    hire(direct, "h:1:a", "h:2:a")
    settle(reader)
    hire(direct, "h:3:a")
    seen = reader.look()
    assert names(seen) == ["h:1:a", "h:2:a", "h:3:a"]
    assert not reads_all(reader), "the script told"
    assert known(seen.processes)[2].has_beat
    assert known(seen.processes)[2].started is not None
    direct("SREM", "resque:workers", "h:1:a")
    direct("SREM", "resque:workers", "h:3:a")
    assert names(reader.look()) == ["h:2:a"]
    assert reads_all(reader), "where one has come, more may"


def test_as_many_who_come_as_go_are_seen_after_some_looks(
    reader: RecordingReader, direct: Direct
) -> None:
    hire(direct, "h:1:a", "h:2:a")
    settle(reader)
    direct("SREM", "resque:workers", "h:1:a")
    hire(direct, "h:3:a")
    seen = [names(reader.look()) for _ in range(LOOKS)]
    assert seen[0] == ["h:1:a", "h:2:a"]
    assert seen[-1] == ["h:2:a", "h:3:a"]


def test_a_beat_is_seen_after_some_looks_and_its_age_grows_till_then(
    reader: RecordingReader, direct: Direct
) -> None:
    hire(direct, "h:1:a")
    settle(reader)
    before = reader.look()
    direct("HSET", "resque:workers:heartbeat", "h:1:a", LATER)
    direct("SET", "resque:worker:h:1:a:started", "2026-11-23 13:00:00 +0000")
    after = reader.look()
    beaten = known(known(before.processes)[0].beat_at)
    assert known(after.processes)[0].beat_at == beaten
    assert after.server_time > before.server_time
    (last,) = known([reader.look() for _ in range(LOOKS)][-1].processes)
    assert (known(last.beat_at) - beaten).total_seconds() > 3_000
    assert last.started is not None
    assert last.started.hour == 13


def test_the_script_itself_tells_everything_when_it_is_time(store: Store, direct: Direct) -> None:
    hire(direct, "h:1:a")
    register = WorkerRegister(KEYS, LargeFleet(few=0, unread_s=5))
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    for second in range(2):
        direct("HSET", "resque:workers:heartbeat", "h:1:a", LATER)
        (_, _) = register.ask()
        replies = [[b"h:1:a"], [b"h:1:a", b"old"]]
        register.parse(replies, long_ago + timedelta(seconds=second), {})
    # It expected to look again a second later; a machine that slept cannot know.
    (call,) = register.ask()
    assert isinstance(call, Call)
    reply = direct(*call.in_full())
    ids, beats = register.parse([reply], datetime.now(UTC), {})
    assert (ids, beats) == ([b"h:1:a"], {b"h:1:a": LATER.encode()})


def test_it_is_read_in_time_with_plain_commands(direct: Direct) -> None:
    register = WorkerRegister(KEYS, LargeFleet(few=0, unread_s=5))
    now = datetime(2026, 11, 23, tzinfo=UTC)
    asked = []
    for second in range(13):
        commands = register.ask()
        asked.append("script" if len(commands) == 1 else "plain")
        replies = [1] if len(commands) == 1 else [[b"h:1:a"], []]
        register.parse(replies, now + timedelta(seconds=second), {})
    assert asked == ["plain"] * 2 + (["script"] * 4 + ["plain"]) * 2 + ["script"]


def test_a_fleet_that_is_looked_at_seldom_is_read_each_time() -> None:
    register = WorkerRegister(KEYS, LargeFleet(few=0, unread_s=5))
    now = datetime(2026, 11, 23, tzinfo=UTC)
    for look in range(9):
        assert len(register.ask()) == 2
        register.parse([[b"h:1:a"], []], now + timedelta(seconds=5 * look), {})


def test_without_the_right_to_the_script_it_is_read_each_time(
    reader: RecordingReader, direct: Direct
) -> None:
    hire(direct, "h:1:a")
    settle(reader)
    with refused(direct, "-scard"):
        for look in range(LOOKS):
            seen = reader.look()
            assert (names(seen), seen.problems) == (["h:1:a"], {})
            assert known(seen.processes)[0].has_beat
            assert reads_all(reader) == bool(look)


def test_a_script_that_fails_once_is_tried_again(reader: RecordingReader, direct: Direct) -> None:
    hire(direct, "h:1:a")
    settle(reader)
    direct("DEL", "resque:workers")
    direct("SET", "resque:workers", "x")
    assert names(reader.look()) == ["h:1:a"], "as it was known, for this look"
    assert "workers" in reader.look().problems
    direct("DEL", "resque:workers")
    direct("SADD", "resque:workers", "h:1:a")
    settle(reader)
    assert names(reader.look()) == ["h:1:a"]


def test_keys_of_wrong_types_are_reported_after_some_looks(
    reader: RecordingReader, direct: Direct
) -> None:
    hire(direct, "h:1:a", "h:2:a")
    settle(reader)
    direct("SET", "resque:workers:heartbeat", "x")
    direct("SADD", "resque:workers", "h:3:a")
    assert names(reader.look()) == ["h:1:a", "h:2:a", "h:3:a"]
    assert "heartbeats" in reader.look().problems
    direct("SET", "resque:workers", "x")
    assert "workers" in reader.look().problems


def test_a_poll_that_broke_off_hides_no_worker(reader: RecordingReader, direct: Direct) -> None:
    hire(direct, "h:1:a")
    settle(reader)
    hire(direct, "h:2:a")
    with pytest.raises(Unreachable):
        reader.look(breaks_off=True)
    seen = reader.look()
    assert names(seen) == ["h:1:a", "h:2:a"]
    assert known(seen.processes)[1].started is not None


@pytest.mark.parametrize(
    ("text", "host", "pid", "serves"),
    [
        ("vm:7:mail,low", "vm", 7, ("mail", "low")),
        ("vm:7+2:mail", "vm", 7, ("mail",)),  # node-resque's MultiWorker
        ("vm:7-poller:mail", "vm", 7, ("mail",)),  # goworker
        ("vm:7-0:JAVA_DYNAMIC_QUEUES,mail", "vm", 7, ("mail",)),  # Jesque
        ("vm:7-0:JAVA_DYNAMIC_QUEUES", "vm", 7, ()),
        ("odd", None, None, ()),
    ],
)
def test_an_id_of_any_implementation_is_taken_apart(
    text: str, host: str | None, pid: int | None, serves: tuple[str, ...]
) -> None:
    assert workers.identity(text) == workers.Identity(text, host, pid, serves)


@pytest.mark.parametrize(
    ("raw", "is_idle"),
    [
        (
            b'{"run_at":"2026-11-23T12:00:00.000+0000","queue":null,"payload":null,"paused":true}',
            True,
        ),
        (b'{"run_at":1,"queue":"a","payload":{"class":"A","args":[]},"paused":false}', False),
        (b'{"queue":"a","payload":{"class":"A","args":["x"]},"paused":true}', False),
        (b'{"queue":"a","payload":{"class":"A","args":["\\"paused\\":true"]}}', False),
        (b'"paused":true', False),
    ],
)
def test_a_record_that_only_says_paused_is_no_job(raw: bytes, is_idle: bool) -> None:
    assert workers.is_pause(raw) is is_idle

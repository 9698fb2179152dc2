"""Large fleets: records are read of those who may hold something else, and nothing is missed."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import pytest
from tests.support import recording_reader
from tests.support.direct import Direct
from tests.support.known import known
from tests.support.recording_reader import KEYS, TURNS, RecordingReader
from tests.support.registered_workers import changes, hire, record, timeless
from tests.support.registered_workers import held as job_of
from tests.support.rights import refused

from queuecore.stores import Store
from resque.errors import Unreachable
from resque.store import snapshot
from resque.store.snapshot import EngineSnapshot
from resque.store.worker_reader import LargeFleet

thrifty = recording_reader.thrifty

NAMES = [f"h:{number}:a" for number in range(300)]


def take(direct: Direct, name: str, number: int = 1) -> None:
    direct("SET", f"resque:worker:{name}", record(number=number))


def count(direct: Direct, what: str, name: str) -> None:
    direct("INCR", f"resque:stat:{what}")
    direct("INCR", f"resque:stat:{what}:{name}")


def held(seen: EngineSnapshot) -> dict[str, int]:
    """The number of the job that each busy worker holds."""
    jobs = {worker.id: job_of(worker) for worker in known(seen.processes)}
    return {name: job.args[0] for name, job in jobs.items() if job is not None}


def asked_at(reader: RecordingReader, looks: int) -> list[set[str]]:
    """Whose records each of some looks read."""
    asked = []
    for _ in range(looks):
        reader.look()
        asked.append(reader.records_asked())
    return asked


def settle(reader: RecordingReader) -> None:
    """Look until nothing seems to happen."""
    for _ in range(4):
        reader.look()


def test_at_rest_only_those_whose_turn_it_is_are_read(
    thrifty: RecordingReader, direct: Direct
) -> None:
    hire(direct, *NAMES)
    for name in NAMES[:150]:
        take(direct, name)
    settle(thrifty)
    asked = asked_at(thrifty, TURNS)
    assert {len(each) for each in asked} == {len(NAMES) // TURNS}
    assert set().union(*asked) == set(NAMES)


def test_an_idle_worker_that_takes_a_job_is_seen_at_once(
    thrifty: RecordingReader, direct: Direct
) -> None:
    hire(direct, *NAMES)
    settle(thrifty)
    take(direct, "h:7:a", 7)
    assert held(thrifty.look()) == {"h:7:a": 7}
    assert len(thrifty.records_asked()) < 150


@pytest.mark.parametrize("what", ["processed", "failed"])
def test_a_worker_whose_count_rises_is_seen_with_its_next_job(
    thrifty: RecordingReader, direct: Direct, what: str
) -> None:
    hire(direct, *NAMES)
    for name in NAMES:
        take(direct, name)
    settle(thrifty)
    for number in range(2, 6):
        count(direct, what, "h:7:a")
        take(direct, "h:7:a", number)
        seen = thrifty.look()
        (worker,) = (w for w in known(seen.processes) if w.id == "h:7:a")
        assert number - 1 in (worker.processed, worker.failed)
        if what == "failed" and number == 2:
            # The first that only failed: with one look more.
            seen = thrifty.look()
        assert held(seen)["h:7:a"] == number
    assert len(thrifty.records_asked()) < 60, "by then only those with a sign are asked"
    count(direct, what, "h:7:a")
    direct("DEL", "resque:worker:h:7:a")
    assert "h:7:a" not in held(thrifty.look())


def test_a_failure_now_and_then_is_no_reason_to_ask_everybody(
    thrifty: RecordingReader, direct: Direct
) -> None:
    hire(direct, *NAMES)
    for name in NAMES:
        take(direct, name)
    settle(thrifty)
    thrifty.look()
    for number in range(2, 20):
        if number % 6 == 0:
            count(direct, "failed", "h:7:a")
        count(direct, "processed", "h:7:a")
        take(direct, "h:7:a", number)
        assert held(thrifty.look())["h:7:a"] == number
        assert number == 2 or len(thrifty.records_asked()) < 60


def test_a_job_that_ends_between_two_answers_of_a_look_is_seen_at_the_next(
    thrifty: RecordingReader, direct: Direct
) -> None:
    hire(direct, *NAMES[:20])
    numbers = itertools.count(1)
    latest = {name: next(numbers) for name in NAMES[:20]}

    def go_on() -> None:
        for name in NAMES[:20]:
            latest[name] = next(numbers)
            count(direct, "processed", name)
            take(direct, name, latest[name])

    go_on()
    settle(thrifty)
    for _ in range(TURNS):
        go_on()
        places = itertools.count()
        stop_at = next(numbers) % 6

        def now_and_then(stop_at: int = stop_at, places: Iterator[int] = places) -> None:
            if next(places) == stop_at:
                go_on()

        thrifty.look(before_each=now_and_then)
        assert held(thrifty.look()) == latest


def test_a_worker_that_never_counts_is_found_out_and_watched(
    thrifty: RecordingReader, direct: Direct
) -> None:
    hire(direct, *NAMES)
    for name in NAMES:
        take(direct, name)
    settle(thrifty)
    take(direct, "h:7:a", 2)
    found = [held(thrifty.look())["h:7:a"] for _ in range(TURNS)]
    assert found[-1] == 2
    for number in range(3, 6):
        take(direct, "h:7:a", number)
        assert held(thrifty.look())["h:7:a"] == number
    direct("DEL", "resque:worker:h:7:a")
    assert "h:7:a" not in held(thrifty.look())
    # Once it counts, its count is sign enough.
    take(direct, "h:7:a", 6)
    count(direct, "processed", "h:7:a")
    settle(thrifty)
    assert sum("h:7:a" in asked for asked in asked_at(thrifty, TURNS)) == 1


def test_signs_stay_with_their_workers_when_others_register_and_leave(
    thrifty: RecordingReader, direct: Direct
) -> None:
    hire(direct, *NAMES)
    for name in NAMES[:150]:
        take(direct, name)
    settle(thrifty)
    hire(direct, "a:1:a", "z:1:a")
    direct("SREM", "resque:workers", "h:0:a", "h:20:a")
    take(direct, "z:1:a", 9)
    take(direct, "h:250:a", 8)
    count(direct, "processed", "h:7:a")
    take(direct, "h:7:a", 7)
    seen = held(thrifty.look())
    assert (seen["z:1:a"], seen["h:250:a"], seen["h:7:a"]) == (9, 8, 7)
    assert len(seen) == 150
    count(direct, "processed", "h:149:a")
    take(direct, "h:149:a", 5)
    assert held(thrifty.look())["h:149:a"] == 5


def test_a_sign_is_not_lost_with_a_look_that_broke_off(
    thrifty: RecordingReader, direct: Direct
) -> None:
    hire(direct, *NAMES)
    take(direct, "h:7:a")
    settle(thrifty)
    count(direct, "processed", "h:7:a")
    take(direct, "h:7:a", 2)
    take(direct, "h:8:a", 3)
    hire(direct, "h:1000:a")
    for _ in range(4):
        with pytest.raises(Unreachable):
            thrifty.look(breaks_off=True)
    seen = thrifty.look()
    assert held(seen) == {"h:7:a": 2, "h:8:a": 3}
    assert len(known(seen.processes)) == len(NAMES) + 1


@pytest.mark.parametrize("command", ["-exists", "-mget"])
def test_without_a_sign_everybody_is_asked(
    thrifty: RecordingReader, direct: Direct, command: str
) -> None:
    hire(direct, *NAMES)
    for name in NAMES[:150]:
        take(direct, name)
    settle(thrifty)
    count(direct, "processed", "h:7:a")
    thrifty.look()
    with refused(direct, command):
        thrifty.look()
        assert thrifty.records_asked() == set(NAMES)
    take(direct, "h:7:a", 2)
    count(direct, "processed", "h:7:a")
    take(direct, "h:200:a", 3)
    seen = held(thrifty.look())
    assert (seen["h:7:a"], seen["h:200:a"]) == (2, 3)


def test_a_record_that_grows_huge_is_not_carried_for_a_sign(
    thrifty: RecordingReader, direct: Direct
) -> None:
    hire(direct, "h:1:a", "h:2:a")
    settle(thrifty)
    direct("SET", "resque:worker:h:1:a", record(text="x" * 1_000_000))
    for _ in range(TURNS):
        one = known(job_of(known(thrifty.look().processes)[0]))
        assert one.problem is not None
        assert len(one.raw) < 100_000


def lawful(direct: Direct, dice: random.Random, number: int) -> None:
    """What a worker of Ruby's Resque or ours may do between two looks."""
    name = f"h:{dice.randrange(12)}:a"
    is_busy = direct("EXISTS", f"resque:worker:{name}")
    match dice.randrange(8):
        case 0 | 1 if not is_busy:
            take(direct, name, number)
        case 2 | 3 if is_busy:
            direct("DEL", f"resque:worker:{name}")
            count(direct, "processed", name)
        case 4 if is_busy:
            count(direct, "failed", name)
            direct("DEL", f"resque:worker:{name}")
            count(direct, "processed", name)
            take(direct, name, number)
        case 5:
            beat = f"2026-11-23T12:00:{dice.randrange(60):02}+00:00"
            hire(direct, name, beat=beat)
        case 6:
            direct("SREM", "resque:workers", name)
            direct("HDEL", "resque:workers:heartbeat", name)
            for key in (f"worker:{name}", f"stat:processed:{name}", f"stat:failed:{name}"):
                direct("DEL", f"resque:{key}")


@pytest.mark.parametrize("seed", range(6))
def test_of_a_large_fleet_it_tells_what_one_who_never_looked_would_tell(
    store: Store, thrifty: RecordingReader, direct: Direct, seed: int
) -> None:
    dice = random.Random(seed)
    for number in range(120):
        for _ in range(dice.randrange(3) * (number % 20 < 14)):
            lawful(direct, dice, number)
        seen = timeless(thrifty.look())
        fresh = timeless(store.run(snapshot.take(KEYS, failures_limit=20)))
        assert len(thrifty.sent) == 2
        assert seen == fresh


@pytest.mark.parametrize("unread_s", [0, 1e9])
@pytest.mark.parametrize("seed", range(4))
def test_whatever_was_written_in_whatever_order_is_seen_after_some_looks(
    store: Store, direct: Direct, seed: int, unread_s: float
) -> None:
    reader, dice = (
        RecordingReader(store, large=LargeFleet(few=0, unread_s=unread_s)),
        random.Random(seed),
    )
    for _ in range(6):
        for _ in range(15):
            for _ in range(dice.randrange(3)):
                changes(direct, dice)
            reader.look()
        for _ in range(2 * TURNS + 1):
            seen = timeless(reader.look())
        fresh = timeless(store.run(snapshot.take(KEYS, failures_limit=20)))
        assert seen == fresh


def test_a_usual_fleet_is_read_whole(store: Store, direct: Direct) -> None:
    hire(direct, *NAMES)
    reader = RecordingReader(store)
    settle(reader)
    assert reader.records_asked() == set(NAMES)

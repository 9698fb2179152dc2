"""How pushes are counted between looks, and what it costs when the jobs at the end are huge."""

from __future__ import annotations

import random

import pytest
from tests.support import recording_reader
from tests.support.direct import Direct
from tests.support.known import known
from tests.support.recording_reader import RecordingReader

from queuecore.fleet import Queue

reader = recording_reader.reader

QUEUE = "resque:queue:q"
HUGE = 300_000
#: Enough looks for a huge job to be read again.
TURNS = 101


@pytest.fixture(autouse=True)
def _queue(direct: Direct) -> None:
    direct("SADD", "resque:queues", "q")


def queue(reader: RecordingReader) -> Queue:
    (found,) = known(reader.look().queues)
    return found


def items_read(direct: Direct, reader: RecordingReader) -> tuple[Queue, int]:
    """The queue at a look, and how many of its jobs the server read for it."""
    direct("CONFIG", "RESETSTAT")
    seen = queue(reader)
    found = [x for x in direct("INFO", "commandstats").split() if b"cmdstat_lindex" in x]
    calls = sum(int(line.partition(b"calls=")[2].partition(b",")[0]) for line in found)
    return seen, calls


@pytest.mark.parametrize("place", ["the last", "the one before"])
def test_a_huge_job_is_not_read_again_while_the_depth_stays(
    reader: RecordingReader, direct: Direct, place: str
) -> None:
    jobs = [b"small", b"h" * HUGE] if place == "the last" else [b"h" * HUGE, b"small"]
    direct("RPUSH", QUEUE, *jobs)
    reader.look()
    for _ in range(TURNS - 1):
        seen, read = items_read(direct, reader)
        assert (seen.size, seen.pushed, read) == (2, None, 0)
    seen, read = items_read(direct, reader)
    assert (seen.pushed, read) == (0, 2)
    direct("RPUSH", QUEUE, b"another")
    assert queue(reader).pushed == 1


def test_a_huge_job_that_went_as_others_came_hides_them_for_some_looks_only(
    reader: RecordingReader, direct: Direct
) -> None:
    direct("RPUSH", QUEUE, b"h" * HUGE)
    reader.look()
    direct("LPOP", QUEUE)
    direct("RPUSH", QUEUE, b"small")
    assert {queue(reader).pushed for _ in range(TURNS)} == {None}
    assert queue(reader).pushed == 0
    direct("LPOP", QUEUE)
    direct("RPUSH", QUEUE, b"next", b"and one more")
    assert queue(reader).pushed is None
    direct("RPUSH", QUEUE, b"last")
    assert queue(reader).pushed == 1


def test_what_came_before_the_look_before_is_not_counted_again(
    reader: RecordingReader, direct: Direct
) -> None:
    direct("RPUSH", QUEUE, b"0", b"h" * HUGE)
    reader.look()
    direct("LPOP", QUEUE)
    direct("RPUSH", QUEUE, b"came unseen")
    assert queue(reader).pushed is None
    direct("RPUSH", QUEUE, b"1")
    assert queue(reader).pushed is None, "one or two"
    direct("RPUSH", QUEUE, b"2", b"3")
    assert queue(reader).pushed == 2


def test_a_search_among_huge_jobs_ends(reader: RecordingReader, direct: Direct) -> None:
    direct("RPUSH", QUEUE, b"first")
    reader.look()
    direct("LPOP", QUEUE)
    direct("RPUSH", QUEUE, *(b"%d" % number + b"h" * 1_000_000 for number in range(30)))
    seen, read = items_read(direct, reader)
    assert (seen.size, seen.pushed) == (30, None)
    assert read < 15


@pytest.mark.parametrize("seed", range(4))
def test_a_count_is_true_or_unknown(reader: RecordingReader, direct: Direct, seed: int) -> None:
    dice = random.Random(seed)
    number = known = 0
    for _ in range(120):
        came = 0
        for _ in range(dice.randrange(4)):
            if dice.randrange(2):
                number, came = number + 1, came + 1
                direct("RPUSH", QUEUE, b"%d" % number + b"h" * (HUGE * (dice.randrange(9) == 0)))
            else:
                direct("LPOP", QUEUE)
        pushed = queue(reader).pushed
        assert pushed in (None, came)
        known += pushed is not None
    assert known > 20

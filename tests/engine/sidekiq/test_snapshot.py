"""One look at everything: of every recording, what it says; then only what has changed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.support import sidekiq_recordings as recordings
from tests.support.direct import Direct
from tests.support.round_trips import RoundTripCounter

from queuecore.address import parse_url
from queuecore.cooperative import at_once
from queuecore.fleet import Queue
from queuecore.reading import reading_only
from queuecore.stores import Store
from sidekiq.keys import SidekiqKeys
from sidekiq.store import processes, snapshot
from sidekiq.store.snapshot import SidekiqSnapshot, SidekiqSnapshotReader

KEYS = SidekiqKeys()
NOON = datetime(2026, 11, 23, 12, 16, 30, tzinfo=UTC)


def take(store: Store, namespace: str = "", limit: int = 20) -> SidekiqSnapshot:
    return store.run(reading_only(snapshot.take(SidekiqKeys(namespace), failures_limit=limit)))


def look(store: Store, reader: SidekiqSnapshotReader) -> SidekiqSnapshot:
    return at_once(store.run(reader.look()))


def job(jid: str, at: datetime, **more: object) -> bytes:
    told = {"class": "A", "args": [], "jid": jid, "enqueued_at": at.timestamp(), **more}
    return json.dumps(told).encode()


@pytest.mark.parametrize("version", recordings.VERSIONS)
def test_every_recorded_state_is_seen_as_it_is(direct: Direct, store: Store, version: str) -> None:
    for name in recordings.of_version(version):
        recordings.restore(direct, name)
        held, seen = recordings.values(name), take(store, recordings.namespace_of(name))
        assert seen.problems == {}, name
        assert seen.queues is not None
        assert seen.processes is not None
        assert seen.failures is not None
        lengths = {queue: len(held.get(f"queue:{queue}", [])) for queue in held.get("queues", [])}
        assert {each.name: each.size for each in seen.queues} == lengths, name
        sizes = {each: len(held.get(each, [])) for each in ("retry", "schedule", "dead")}
        assert seen.sizes == sizes, name
        assert seen.failed == sizes["retry"] + sizes["dead"]
        assert seen.processed_ever == int(held.get("stat:processed", 0))
        assert seen.failed_ever == int(held.get("stat:failed", 0))
        assert {each.id for each in seen.processes} == {*held.get("processes", [])}
        told = [held[each.id] for each in seen.processes if each.id in held]
        assert processes.busy(seen.processes) == sum(int(each["busy"]) for each in told), name
        jobs = {each.item.raw.decode() for each in seen.failures}
        assert jobs == {member for part in ("retry", "dead") for member, _ in held.get(part, [])}
        for each in seen.queues:
            waiting = held.get(f"queue:{each.name}")
            if waiting:
                since = json.loads(waiting[-1])["enqueued_at"]
                unit = 1000 if isinstance(since, int) else 1
                assert each.next_since is not None
                assert each.next_since.timestamp() == pytest.approx(since / unit), name


def test_it_takes_two_round_trips(direct: Direct, redis_url: str) -> None:
    recordings.restore(direct, "v8.1.7-2-running")
    socket = parse_url(redis_url).path
    assert socket is not None
    with RoundTripCounter(Path(socket)) as counter, Store(counter.url) as counted:
        reader = SidekiqSnapshotReader(KEYS, failures_limit=10)
        look(counted, reader)
        before = counter.round_trips
        look(counted, reader)
        assert counter.round_trips - before == 2


def test_what_stays_is_the_same_object(direct: Direct, store: Store) -> None:
    recordings.restore(direct, "v8.1.7-2-running")
    reader = SidekiqSnapshotReader(KEYS, failures_limit=10)
    look(store, reader)
    first, second = look(store, reader), look(store, reader)
    for one, other in (
        (first.queues, second.queues),
        (first.processes, second.processes),
        (first.failures, second.failures),
    ):
        assert one is not None
        assert other is not None
        assert all(a is b for a, b in zip(one, other, strict=True))
    reader.read_all()
    assert look(store, reader).processes == second.processes


def test_work_is_read_again_only_after_a_beat(direct: Direct, store: Store) -> None:
    recordings.restore(direct, "v8.1.7-2-running")
    (identity,) = recordings.values("v8.1.7-2-running")["processes"]
    reader = SidekiqSnapshotReader(KEYS, failures_limit=10)
    (before,) = look(store, reader).processes or ()
    assert before.jobs is not None
    gone, stays = before.jobs
    direct("HDEL", f"{identity}:work", str(gone.thread))
    assert (look(store, reader).processes or ())[0] is before
    direct("HSET", identity, "beat", "1795436214.3", "busy", "1")
    (after,) = look(store, reader).processes or ()
    assert after.jobs == (stays,)
    assert after.jobs[0] is stays
    assert after.facts is not None
    assert after.facts.busy == 1


def queue_of(store: Store, reader: SidekiqSnapshotReader) -> Queue:
    (queue,) = look(store, reader).queues or ()
    return queue


def test_pushes_are_counted_at_the_head(direct: Direct, store: Store) -> None:
    direct("SADD", "queues", "mail")
    direct("LPUSH", "queue:mail", *(job(f"a{i}", NOON) for i in range(3)))
    reader = SidekiqSnapshotReader(KEYS, failures_limit=1)
    assert queue_of(store, reader).pushed is None
    assert queue_of(store, reader).pushed == 0
    direct("LPUSH", "queue:mail", *(job(f"b{i}", NOON) for i in range(4)))
    direct("RPOP", "queue:mail", 2)
    queue = queue_of(store, reader)
    assert (queue.size, queue.pushed) == (5, 4)
    assert queue_of(store, reader).pushed == 0
    direct("RPOP", "queue:mail", 5)
    direct("LPUSH", "queue:mail", job("c", NOON))
    assert queue_of(store, reader).pushed is None


def test_pushes_are_counted_also_when_everything_is_read_again(
    direct: Direct, store: Store
) -> None:
    direct("SADD", "queues", "mail")
    direct("LPUSH", "queue:mail", job("a", NOON), b'{"class":"A","args":["%s"]}' % (b"x" * 300_000))
    reader = SidekiqSnapshotReader(KEYS, failures_limit=1)
    queue_of(store, reader)
    for number in range(2):
        direct("LPUSH", "queue:mail", job(f"b{number}", NOON))
        reader.read_all()
        queue = queue_of(store, reader)
        assert (queue.pushed, queue.next_since) == (1, NOON)


def test_how_long_the_next_job_waits(direct: Direct, store: Store) -> None:
    direct("SADD", "queues", "a", "b", "c", "d")
    direct("RPUSH", "queue:a", job("new", NOON), job("next", NOON - timedelta(minutes=1)))
    direct("RPUSH", "queue:b", b'{"class":"A","args":[]}')
    direct("RPUSH", "queue:c", job("ahead", NOON + timedelta(hours=1)))
    waits = {each.name: each.latency_s(NOON) for each in take(store).queues or ()}
    assert waits == {"a": 60.0, "b": None, "c": 0.0, "d": 0.0}


def test_a_job_that_was_put_back_is_marked(direct: Direct, store: Store) -> None:
    direct("SADD", "queues", "mail")
    reader = SidekiqSnapshotReader(KEYS, failures_limit=1)

    def following(*jobs: bytes) -> bool:
        direct("DEL", "queue:mail")
        direct("RPUSH", "queue:mail", *jobs)
        return queue_of(store, reader).is_put_back

    old, new = NOON - timedelta(minutes=5), NOON
    assert not following(job("b", new), job("a", old))
    assert not following(job("b", new))
    assert following(job("b", new), job("a", old))
    assert queue_of(store, reader).is_put_back
    assert following(job("b", new), job("c", old + timedelta(seconds=1)))
    assert not following(job("b", new))
    assert not following(job("clocks differ", new - timedelta(seconds=5)))
    # A clock that is ahead makes nobody look as if it was put back.
    assert not following(job("ahead", datetime.now(UTC) + timedelta(days=1)))
    assert not following(job("now", datetime.now(UTC)))


def test_a_huge_next_job_is_known_by_its_ends(direct: Direct, store: Store) -> None:
    direct("SADD", "queues", "mail")
    huge = b'{"class":"A","args":["%s"],"jid":"a","enqueued_at":%d}'
    direct("RPUSH", "queue:mail", huge % (b"x" * 3_000_000, NOON.timestamp() * 1000))
    reader = SidekiqSnapshotReader(KEYS, failures_limit=1)
    for _ in range(3):
        queue = queue_of(store, reader)
        assert (queue.size, queue.next_since, queue.problem) == (1, NOON, None)
    direct("LPUSH", "queue:mail", job("b", NOON))
    direct("RPOP", "queue:mail")
    for _ in range(25):
        queue = queue_of(store, reader)
    assert queue.next_since == NOON


def test_only_what_is_on_the_set_is_a_queue(direct: Direct, store: Store) -> None:
    direct("SADD", "queues", "sq|x", "a|b: c\n")
    direct("LPUSH", "queue:sq|x", job("a", NOON))
    direct("LPUSH", "queue:sq|vm:1:abc|mail", job("b", NOON))
    assert {each.name: each.size for each in take(store).queues or ()} == {"sq|x": 1, "a|b: c\n": 0}


def test_paused_queues_and_the_leader_are_told(direct: Direct, store: Store) -> None:
    recordings.restore(direct, "v8.1.7-2-running")
    (identity,) = recordings.values("v8.1.7-2-running")["processes"]
    reader = SidekiqSnapshotReader(KEYS, failures_limit=1)
    look(store, reader)
    direct("SADD", "paused", "slow")
    direct("SET", "dear-leader", identity)
    seen = look(store, reader)
    assert [each.name for each in seen.queues or () if each.is_paused] == ["slow"]
    (process,) = seen.processes or ()
    assert process.facts is not None
    assert process.facts.is_leader
    direct("DEL", "dear-leader", "paused")
    (process,) = look(store, reader).processes or ()
    assert process.facts is not None
    assert process.facts.is_leader is False


def test_the_newest_failures_are_those_that_failed_last(direct: Direct, store: Store) -> None:
    for i in range(60):
        at = NOON + timedelta(seconds=i)
        kind = "dead" if i % 2 else "retry"
        # What failed often is tried again late, what failed for the first time soon.
        score = at.timestamp() + (10_000 if i % 4 else 20) if kind == "retry" else at.timestamp()
        direct("ZADD", kind, str(score), job(f"{i}", at, failed_at=at.timestamp()))
    seen = take(store, limit=40).failures or ()
    assert [each.record.jid for each in seen] == [str(i) for i in range(59, 19, -1)]
    assert {each.listed_in for each in seen} == {"retry", "dead"}


def test_of_many_retries_those_are_found_that_failed_just_now(direct: Direct, store: Store) -> None:
    now = datetime.fromtimestamp(int(direct("TIME")[0]), UTC)
    for count in range(4):
        for ago in range(0, 600, 4):
            at = now - timedelta(seconds=ago)
            score = at.timestamp() + count**4 + 15 + 5 * (count + 1)
            told = {"failed_at": 0.5, "retried_at": at.timestamp(), "retry_count": count}
            direct("ZADD", "retry", str(score), job(f"{count} {ago}", at, **told))
    seen = take(store, limit=500).failures or ()
    assert {f"{n} {ago}" for n in range(4) for ago in (0, 4)} <= {each.record.jid for each in seen}
    moments = [each.failed_at for each in seen if each.failed_at]
    assert len(moments) == 500
    assert moments == sorted(moments, reverse=True)


def test_failures_that_come_between_two_looks_are_seen(direct: Direct, store: Store) -> None:
    reader = SidekiqSnapshotReader(KEYS, failures_limit=100)
    number = 0
    # Few and many at once, more than a part holds.
    for many in (3, 1, 0, 40, 70, 2, *[1] * 12, 60, 0):
        for _ in range(many):
            number += 1
            at = NOON + timedelta(seconds=number)
            told = job(str(number), at, failed_at=at.timestamp())
            direct("ZADD", "dead", str(at.timestamp()), told)
        look(store, reader)
    # What was left out is there after the next poll at the latest.
    seen = look(store, reader).failures or ()
    assert [each.record.jid for each in seen] == [str(number - i) for i in range(100)]


def test_huge_failures_come_cut(direct: Direct, store: Store) -> None:
    end = b'"jid":"%d","error_class":"E","error_message":"no","failed_at":1795436196470}'
    for i in range(30):
        direct("ZADD", "dead", i, b'{"class":"A","args":["' + b"x" * 1_000_000 + b'"],' + end % i)
    seen = take(store, limit=30)
    assert seen.sizes["dead"] == 30
    assert seen.failures
    for each in seen.failures:
        assert each.item.is_cut
        assert len(each.item.raw) < 20_000
        assert each.item.size > 1_000_000
        assert each.record.class_name == "A"
        assert each.record.text("error_class") == "E"
        assert each.record.problem is not None


def test_failures_so_large_that_they_burden_the_server_are_read_now_and_then(
    direct: Direct, store: Store
) -> None:
    def die(number: int) -> None:
        at = NOON + timedelta(seconds=number)
        told = job(str(number), at, failed_at=at.timestamp(), args=["x" * 2_000_000])
        direct("ZADD", "dead", str(at.timestamp()), told)

    for number in range(3):
        die(number)
    reader = SidekiqSnapshotReader(KEYS, failures_limit=5)
    before = look(store, reader).failures
    assert before
    die(3)
    assert look(store, reader).failures is before
    reader.read_all()
    newest = (look(store, reader).failures or ())[0]
    assert newest.record.jid == "3"
    die(4)
    jids = {(look(store, reader).failures or ())[0].record.jid for _ in range(12)}
    assert jids == {"3", "4"}


def test_scores_of_every_kind_are_read(direct: Direct, store: Store) -> None:
    for score in ("inf", "-inf", "-1", "1e300"):
        direct("ZADD", "dead", score, b"no json " + score.encode())
        direct("ZADD", "retry", score, b"[1]" + score.encode())
    seen = take(store)
    assert len(seen.failures or ()) == 8
    scores = {float(each.score) for each in seen.failures or ()}
    assert scores == {float("inf"), float("-inf"), -1.0, 1e300}
    assert {each.failed_at for each in seen.failures or ()} == {
        None,
        datetime.fromtimestamp(-1, UTC),
    }


def test_what_is_of_another_kind_is_unknown_and_said(direct: Direct, store: Store) -> None:
    recordings.restore(direct, "v8.1.7-2-running")
    for key in ("dead", "paused", "stat:failed", "queue:idle", "dear-leader"):
        direct("DEL", key)
        direct("SADD" if key != "paused" else "SET", key, "x")
    seen = take(store)
    assert {*seen.problems} == {
        *("jobs in 'dead'", "failures", "paused queues", "jobs failed", "leader"),
    }
    assert "dead" not in seen.sizes
    assert seen.failed is None
    assert seen.failed_ever is None
    assert len(seen.failures or ()) == 3
    for each in seen.queues or ():
        assert each.is_paused is None
        assert (each.size is None) == (each.problem is not None) == (each.name == "idle")


def test_copies_of_failures_are_counted_apart(direct: Direct, store: Store) -> None:
    direct("ZADD", "failed", 1, job("a", NOON))
    assert take(store).sizes["failed"] == 1
    direct("DEL", "failed")
    direct("RPUSH", "failed", b'{"payload":{}}')
    seen = take(store)
    assert "failed" not in seen.sizes
    assert seen.problems == {}


def test_a_user_who_may_not_read_all_sees_the_rest(direct: Direct, redis_url: str) -> None:
    recordings.restore(direct, "v8.1.7-2-running")
    direct("ACL", "SETUSER", "half", "on", ">p", "+@all", "~q*", "~stat:*", "~retry", "~dead")
    try:
        with Store(redis_url.replace("unix://", "unix://half:p@")) as half:
            seen = at_once(half.run(SidekiqSnapshotReader(KEYS, failures_limit=5).look()))
    finally:
        direct("ACL", "DELUSER", "half")
    assert [each.size for each in seen.queues or ()] == [0, 0, 6, 0]
    assert seen.processes is None
    assert len(seen.failures or ()) == 5
    assert seen.sizes == {"retry": 3, "dead": 2}
    assert {*seen.problems} >= {"workers", "jobs in 'schedule'", "paused queues"}


def test_thousands_of_queues_and_processes_take_no_keys(direct: Direct, store: Store) -> None:
    names = [f"q{i}" for i in range(1_000)]
    direct("SADD", "queues", *names)
    for i in range(0, 1_000, 50):
        direct("LPUSH", f"queue:q{i}", job(str(i), NOON))
    direct("SADD", "processes", *(f"vm:{i}:{i:012x}" for i in range(5_000)))
    direct("CONFIG", "RESETSTAT")
    reader = SidekiqSnapshotReader(KEYS, failures_limit=5)
    seen = look(store, reader)
    assert len(seen.queues or ()) == 1_000
    assert len(seen.processes or ()) == 5_000
    assert all(each.facts and each.facts.is_gone for each in seen.processes or ())
    assert processes.busy(seen.processes or ()) == 0
    used = direct("INFO", "commandstats").decode()
    assert "cmdstat_keys:" not in used
    assert "cmdstat_scan:" not in used


def test_an_empty_database_is_empty(store: Store) -> None:
    seen = take(store)
    assert (seen.queues, seen.processes, seen.failures) == ((), (), ())
    assert (seen.failed, seen.processed_ever, seen.problems) == (0, 0, {})


def test_a_server_that_refuses_scripts_still_tells_the_sizes(
    direct: Direct, redis_url: str
) -> None:
    recordings.restore(direct, "v8.1.7-2-running")
    direct("ACL", "SETUSER", "plain", "on", ">p", "+@all", "-@scripting", "~*")
    try:
        with Store(redis_url.replace("unix://", "unix://plain:p@")) as plain:
            seen = at_once(plain.run(SidekiqSnapshotReader(KEYS, failures_limit=5).look()))
    finally:
        direct("ACL", "DELUSER", "plain")
    assert seen.sizes == {"retry": 3, "schedule": 4, "dead": 2}
    assert seen.failures is None
    assert all(each.size is None and each.problem for each in seen.queues or ())
    (process,) = seen.processes or ()
    assert process.jobs is None
    assert process.problem

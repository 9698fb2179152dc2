"""Processes of every version and of other languages, what they run, and what is wrong with them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.support import sidekiq_recordings as recordings
from tests.support.direct import Direct

from queuecore.cooperative import at_once
from queuecore.exchange import Exchange
from queuecore.fleet import Capsule, Process, ProcessFacts
from queuecore.stores import Store
from sidekiq.keys import SidekiqKeys
from sidekiq.store import processes, work
from sidekiq.store.processes import ProcessReader

KEYS = SidekiqKeys()
IDENTITY = "vm:42:0123456789ab"
WEIGHTS = (("critical", 3), ("default", 2), ("slow", 0))
CAPSULES = {
    "v7.3.2": (Capsule(None, None, None, WEIGHTS),),
    "v8.1.7": (Capsule("default", 3, "weighted", WEIGHTS),),
}
SHOWN = {
    "v5.2.10": "<= 6.0.1",
    "v6.4.1": "6.2.0 to 6.4.1",
    "v6.4.1-namespaced": "6.2.0 to 6.4.1",
    "v6.5.12": "6.4.2 to 7.0.1",
}


def facts(process: Process) -> ProcessFacts:
    assert process.facts is not None
    return process.facts


def put(direct: Direct, identity: str = IDENTITY, info: Any = None, **fields: Any) -> None:
    """A process with a beat, its hash as it is given."""
    direct("SADD", "processes", identity)
    told = json.dumps(info) if isinstance(info, dict) else info
    given = {"beat": "1795436204.5", "busy": "0", "quiet": "false", "info": told} | fields
    for field, value in given.items():
        if value is not None:
            direct("HSET", identity, field, value)


def one(store: Store) -> Process:
    (process,) = store.run(processes.read(KEYS))
    return process


@pytest.mark.parametrize("version", recordings.VERSIONS)
def test_a_process_of_every_version_tells_what_it_recorded(
    direct: Direct, store: Store, version: str
) -> None:
    name = f"{version}-2-running"
    recordings.restore(direct, name)
    held = recordings.values(name)
    (identity,) = held["processes"]
    info = json.loads(held[identity]["info"])
    (process,) = store.run(processes.read(SidekiqKeys(recordings.namespace_of(name))))
    assert (process.id, process.host, process.pid) == (identity, "vm", info["pid"])
    assert process.listed == ("critical", "default", "slow")
    assert process.threads == 3
    assert process.started is not None
    assert process.started.timestamp() == pytest.approx(info["started_at"])
    assert process.beat_at is not None
    assert process.beat_at.timestamp() == pytest.approx(float(held[identity]["beat"]))
    rss = held[identity].get("rss")
    assert process.facts == ProcessFacts(
        busy=2,
        is_quiet=False,
        is_leader=False,
        is_embedded=info.get("embedded"),
        version=info.get("version", SHOWN.get(version)),
        says_version="version" in info,
        tag="golden",
        capsules=CAPSULES.get(version, ()),
        rss_bytes=None if rss is None else int(rss) * 1024,
        round_trip_us=None if rss is None else int(held[identity]["rtt_us"]),
    )
    jobs = process.jobs or ()
    assert [(each.class_name, each.args[0], each.queue) for each in jobs] == [
        ("SlowJob", 100, "slow")
    ] * 2
    entries = held[f"{identity}:work" if f"{identity}:work" in held else f"{identity}:workers"]
    for each in jobs:
        told = json.loads(entries[str(each.thread)])
        assert each.raw == entries[str(each.thread)].encode()
        assert each.since == datetime.fromtimestamp(told["run_at"], UTC)
        payload = told["payload"]
        assert each.payload is not None
        assert json.loads(each.payload) == (
            payload if isinstance(payload, dict) else json.loads(payload)
        )


@pytest.mark.parametrize("version", recordings.VERSIONS)
def test_a_process_is_quiet_in_the_recordings_of_that(
    direct: Direct, store: Store, version: str
) -> None:
    recordings.restore(direct, f"{version}-3-quiet")
    found = store.run(processes.read(SidekiqKeys(recordings.namespace_of(version))))
    assert [facts(each).is_quiet for each in found] == [True]
    recordings.restore(direct, f"{version}-4-stopped")
    assert store.run(processes.read(SidekiqKeys(recordings.namespace_of(version)))) == ()


@pytest.mark.parametrize("version", ["v6.4.1", "v8.1.7"])
def test_a_process_that_crashed_is_gone_when_its_hash_is(
    direct: Direct, store: Store, version: str
) -> None:
    recordings.restore(direct, f"{version}-5-crashed")
    (process,) = store.run(processes.read(KEYS))
    assert not facts(process).is_gone
    assert len(process.jobs or ()) == 2
    recordings.restore(direct, f"{version}-6-crashed-expired")
    (process,) = store.run(processes.read(KEYS))
    assert facts(process).is_gone
    assert (process.host, process.jobs, process.problem) == ("vm", None, processes.GONE)
    assert processes.busy([process]) == 0
    recordings.restore(direct, f"{version}-7-crashed-pruned")
    assert store.run(processes.read(KEYS)) == ()


@pytest.mark.parametrize(
    ("told", "fields", "threads"),
    [
        ({"concurrency": 5}, {"concurrency": "7"}, 7),
        ({"concurrency": 5}, {}, 5),
        ({"capsules": {"a": {"concurrency": 2}, "b": {"concurrency": 3}}}, {}, 5),
        ({"capsules": {"a": {"concurrency": 2}, "b": {}}}, {}, None),
        ({"capsules": {"a": 7}}, {}, None),
        ({"concurrency": "5"}, {"concurrency": "many"}, None),
        ({"concurrency": -5}, {"concurrency": "9" * 40}, None),
        ({}, {}, None),
    ],
)
def test_threads_are_told_by_the_hash_the_info_or_the_capsules(
    direct: Direct, store: Store, told: Any, fields: Any, threads: int | None
) -> None:
    put(direct, info={"hostname": "vm", **told}, **fields)
    assert one(store).threads == threads


def test_capsules_have_their_own_queues(direct: Direct, store: Store) -> None:
    capsules = {
        "default": {"concurrency": 3, "mode": "strict", "weights": {"a": 0, "b": 0}},
        "single": {"concurrency": 1, "mode": "random", "weights": {"c": 1, "odd": "x"}},
    }
    put(direct, info={"capsules": capsules})
    process = one(store)
    assert facts(process).capsules == (
        Capsule("default", 3, "strict", (("a", 0), ("b", 0))),
        Capsule("single", 1, "random", (("c", 1),)),
    )
    assert process.listed == ("a", "b", "c")
    assert process.threads == 4


@pytest.mark.parametrize(
    ("info", "rss", "rtt", "job", "version", "major"),
    [
        ({"version": "8.1.7"}, "1", "2", (":work", "{}"), "8.1.7", 8),
        ({"version": "7.0.2.beta1"}, "1", "2", None, "7.0.2.beta1", 7),
        ({"version": 8}, "1", "2", None, "6.2.0 to 7.0.1", None),
        ({"version": "newest"}, "1", "2", (":workers", "{}"), "6.2.0 to 6.4.1", 6),
        ({}, "1", "2", (":work", "{}"), "6.4.2 to 7.0.1", None),
        ({}, None, None, (":workers", {}), "<= 6.0.1", None),
        ({}, None, None, (":workers", "{}"), "6.0.2 to 6.1.2", 6),
        ({}, None, None, None, "<= 6.1.2", None),
        ({}, None, None, (":work", "{}"), None, None),
    ],
)
def test_a_version_is_said_or_shown(
    direct: Direct, store: Store, info: Any, rss: Any, rtt: Any, job: Any, version: Any, major: Any
) -> None:
    put(direct, info={"hostname": "vm", **info}, rss=rss, rtt_us=rtt)
    if job is not None:
        kind, payload = job
        entry = json.dumps({"queue": "a", "payload": payload, "run_at": 1})
        direct("HSET", IDENTITY + kind, "t", entry)
    process = one(store)
    assert facts(process).version == version
    assert facts(process).says_version == (version == info.get("version") is not None)
    assert processes.major(process) == major
    assert processes.versions([process]) == (() if version is None else (version,))


def test_times_in_milliseconds_need_a_version_that_reads_them(direct: Direct, store: Store) -> None:
    put(direct, info={"version": "8.0.0"})
    direct("SADD", "processes", "vm:1:gone")
    assert processes.read_milliseconds(store.run(processes.read(KEYS)))
    put(direct, "vm:43:0123456789ab", info={"version": "7.3.2"})
    assert not processes.read_milliseconds(store.run(processes.read(KEYS)))
    put(direct, "vm:43:0123456789ab", info={"pid": 43})
    assert not processes.read_milliseconds(store.run(processes.read(KEYS)))
    assert not processes.read_milliseconds([])


@pytest.mark.parametrize(
    ("identity", "place"),
    [
        ("vm:42:0123456789ab", ("vm", 42)),
        ("::1:42:0123456789ab", ("::1", 42)),
        ("worker@node:elixir", (None, None)),
        ("go-host:7", ("go-host", 7)),
        ("no place", (None, None)),
        ("a\nb:1:x", ("a\nb", 1)),
        ("vm:" + "9" * 40 + ":x", (None, None)),
        ("", (None, None)),
    ],
)
def test_identities_of_other_languages_workers_are_read(
    direct: Direct, store: Store, identity: str, place: tuple[Any, Any]
) -> None:
    direct("SADD", "processes", identity)
    process = one(store)
    assert (process.id, process.host, process.pid) == (identity, *place)
    put(direct, identity or "x", info={"hostname": "told", "pid": 9})
    found = {each.id: each for each in store.run(processes.read(KEYS))}
    assert (found[identity or "x"].host, found[identity or "x"].pid) == ("told", 9)


@pytest.mark.parametrize(
    "info",
    [b"", b"[1]", b"null", b"{", b"\xff\xfe", b"[" * 5_000, b'{"a":"' + b"x" * 99_999 + b'"}'],
)
def test_an_info_that_cannot_be_read_is_a_problem(
    direct: Direct, store: Store, info: bytes
) -> None:
    put(direct, info=info, busy="1")
    direct("HSET", f"{IDENTITY}:work", "t", '{"queue":"a","payload":"{}","run_at":1}')
    process = one(store)
    assert process.problem
    assert (process.host, process.pid, process.threads) == ("vm", 42, None)
    assert facts(process).version is None
    assert facts(process).busy == 1
    assert len(process.jobs or ()) == 1


@pytest.mark.parametrize(
    ("fields", "attribute"),
    [
        ({"busy": "two"}, "busy"),
        ({"busy": "-1"}, "busy"),
        ({"quiet": "yes"}, "is_quiet"),
        ({"rss": "1e3"}, "rss_bytes"),
        ({"rtt_us": ""}, "round_trip_us"),
    ],
)
def test_fields_that_are_no_such_thing_are_unknown(
    direct: Direct, store: Store, fields: dict[str, str], attribute: str
) -> None:
    put(direct, info={"version": "8.0.0"}, **fields)
    process = one(store)
    assert getattr(process.facts, attribute) is None
    assert (processes.busy([process]) is None) == (attribute == "busy")


@pytest.mark.parametrize("beat", ["soon", "", "nan", "1e400", "9" * 500])
def test_a_beat_that_is_no_time_is_unknown(direct: Direct, store: Store, beat: str) -> None:
    put(direct, info={"version": "8.0.0"}, beat=beat)
    process = one(store)
    assert (process.beat_at, process.has_beat) == (None, True)


def test_lists_in_an_info_that_hold_other_things_are_sifted(direct: Direct, store: Store) -> None:
    info = {"queues": ["a", 1, None, "a", "b"], "labels": {"x": 1}, "tag": 7, "weights": [1, {}]}
    put(direct, info={**info, "pid": "9", "embedded": "true", "started_at": "soon"})
    process = one(store)
    assert process.listed == ("a", "b")
    assert (process.pid, process.started) == (42, None)
    told = facts(process)
    assert (told.labels, told.tag, told.is_embedded) == ((), None, None)
    assert told.capsules == (Capsule(None, None, None, ()),) * 2


def test_keys_of_another_kind_are_a_problem_of_that_process(direct: Direct, store: Store) -> None:
    direct("SET", "vm:1:a", "x")
    direct("SADD", "processes", "vm:1:a")
    put(direct, "vm:2:b", info={"version": "8.0.0"})
    direct("SET", "vm:2:b:work", "x")
    put(direct, "vm:3:c", info={"version": "8.0.0"})
    one, two, three = store.run(processes.read(KEYS))
    assert one.problem
    assert not facts(one).is_gone
    assert two.jobs is None
    assert two.problem
    assert (three.jobs, three.problem) == ((), None)


def entry(number: int, size: int = 0) -> str:
    payload = json.dumps({"class": "A", "args": ["x" * size], "jid": str(number)})
    return json.dumps({"queue": "a", "payload": payload, "run_at": 1_795_436_196 + number})


def test_a_hash_of_ten_thousand_threads_is_read(direct: Direct, store: Store) -> None:
    put(direct, info={"version": "8.0.0"}, busy="10000")
    pairs = [part for i in range(10_000) for part in (f"t{i}", entry(-i))]
    direct("HSET", f"{IDENTITY}:work", *pairs)
    jobs = one(store).jobs or ()
    assert len(jobs) == 10_000
    assert [each.since for each in jobs] == sorted(each.since for each in jobs if each.since)


def test_more_threads_than_can_be_listed_are_counted(direct: Direct, store: Store) -> None:
    put(direct, info={"version": "8.0.0"})
    pairs = [part for i in range(work.MOST_THREADS + 1) for part in (f"t{i}", "x")]
    direct("HSET", f"{IDENTITY}:work", *pairs)
    process = one(store)
    assert process.jobs is None
    assert "20,001" in (process.problem or "")


@pytest.mark.parametrize("is_object", [True, False])
def test_huge_payloads_come_cut(direct: Direct, store: Store, is_object: bool) -> None:
    put(direct, info={"version": "8.0.0"})
    payload: Any = {"class": "A", "args": ['"\\\n\u2713x' * 100_000], "jid": "1"}
    if not is_object:
        payload = json.dumps(payload)
    told = json.dumps({"queue": "a", "payload": payload, "run_at": 1_795_436_196})
    for i in range(12):
        direct("HSET", f"{IDENTITY}:work", f"t{i}", told)
    jobs = one(store).jobs or ()
    assert len(jobs) == 12
    # Those beyond what is read at once are only counted.
    seen = [each for each in jobs if each.class_name]
    assert 0 < len(seen) < 12
    for each in seen:
        assert (each.class_name, each.queue, each.payload) == ("A", "a", None)
        assert each.since == datetime.fromtimestamp(1_795_436_196, UTC)
    assert all(each.problem and len(each.raw) < 20_000 for each in jobs)


@pytest.mark.parametrize(
    "raw",
    [
        *(b"", b"null", b"[]", b"{", b"\xff", b"{}", b'{"payload":7}', b'{"payload":null}'),
        b'{"payload":"no json","queue":7,"run_at":[]}',
        b'{"payload":"[1]"}',
        b'{"payload":"\\ud800"}',
    ],
)
def test_work_that_cannot_be_read_is_shown_with_its_bytes(
    direct: Direct, store: Store, raw: bytes
) -> None:
    put(direct, info={"version": "8.0.0"})
    direct("HSET", f"{IDENTITY}:work", "t", raw)
    (job,) = one(store).jobs or ()
    assert (job.raw, job.thread, job.class_name, job.queue, job.since) == (
        *(raw, "t", None, None, None),
    )
    assert job.problem


def test_work_under_both_names_is_not_counted_twice(direct: Direct, store: Store) -> None:
    put(direct, info={"version": "8.0.0"})
    for name in (":work", ":workers"):
        direct("HSET", IDENTITY + name, "t", entry(1))
    assert len(one(store).jobs or ()) == 1


def test_the_work_of_some_processes_is_read_alone(direct: Direct, store: Store) -> None:
    direct("HSET", f"{IDENTITY}:workers", "t", entry(1))
    direct("SET", "odd:work", "x")
    found = store.run(work.read(KEYS, [IDENTITY, "idle", "odd"]))
    assert [len(found[each].jobs or ()) for each in (IDENTITY, "idle")] == [1, 0]
    assert found["odd"].jobs is None
    assert found["odd"].problem
    assert store.run(work.entry(KEYS, IDENTITY, "t")) == entry(1).encode()
    assert store.run(work.entry(KEYS, IDENTITY, "u")) is None


def look(store: Store, reader: ProcessReader, *identities: str) -> list[Process]:
    replies = store.run(Exchange(tuple(reader.ask(identities)), list, tolerant=True))
    return at_once(reader.read(iter(replies), None, {}))


def test_what_a_process_wrote_shows_its_version_when_it_is_idle(
    direct: Direct, store: Store
) -> None:
    put(direct, info={"hostname": "vm"}, rss="1", rtt_us="2")
    direct("HSET", f"{IDENTITY}:workers", "t", entry(1))
    reader = ProcessReader(KEYS)
    (process,) = look(store, reader, IDENTITY)
    assert facts(process).version == "6.2.0 to 6.4.1"
    direct("DEL", f"{IDENTITY}:workers")
    direct("HSET", IDENTITY, "beat", "1795436209.5")
    (process,) = look(store, reader, IDENTITY)
    assert process.jobs == ()
    assert facts(process).version == "6.2.0 to 6.4.1"


def test_of_a_process_that_is_gone_stays_what_it_was(direct: Direct, store: Store) -> None:
    info = {"hostname": "told", "tag": "shop", "queues": ["a"], "version": "8.1.7"}
    put(direct, info={**info, "concurrency": 5}, busy="1")
    direct("HSET", f"{IDENTITY}:work", "t", entry(1))
    reader = ProcessReader(KEYS)
    (before,) = look(store, reader, IDENTITY)
    hash_of_it = direct("DUMP", IDENTITY)
    direct("DEL", IDENTITY)
    (gone,) = look(store, reader, IDENTITY)
    assert (gone.host, gone.beat_at, facts(gone).tag) == ("told", before.beat_at, "shop")
    assert (gone.listed, gone.threads, gone.jobs) == ((), None, None)
    assert facts(gone).is_gone
    assert processes.busy([gone]) == 0
    assert look(store, reader, IDENTITY)[0] is gone
    # It was only cut off.
    direct("RESTORE", IDENTITY, 0, hash_of_it)
    assert look(store, reader, IDENTITY) == [before]


@pytest.mark.parametrize(("busy", "jobs"), [("2", None), ("0", ()), ("no number", ())])
def test_a_process_that_runs_jobs_and_does_not_tell_which_is_not_idle(
    direct: Direct, store: Store, busy: str, jobs: tuple[()] | None
) -> None:
    put(direct, info={"queues": ["q"]}, busy=busy)
    process = one(store)
    assert process.jobs == jobs
    assert (process.problem is not None) == (jobs is None)

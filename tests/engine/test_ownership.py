"""Whose keys they are is judged by what is in them, never by their names."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.support import golden
from tests.support.direct import Direct
from tests.support.sidekiq_databases import FLEETS, JID, RESQUES_JOB, SIDEKIQS_JOB, resque, sidekiq

from queuecore.exchange import Steps
from queuecore.stores import Store
from resque.codec import encode
from resque.keys import BareKeys, Keys
from resque.store import neighbours, ownership
from resque.store.ownership import KeyOwners, kind_of

#: Beside the recordings, whose counts by day are of November 2026.
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
KEYS = Keys("resque")
HUGE = "x" * 20_000
UUID = "0d5e9d4e-7d5e-4f0e-9a57-0123456789ab"


def look(store: Store, keys: Keys = KEYS, queues: list[str] | None = None) -> KeyOwners:
    return store.run(ownership.find_owners(keys, queues, now=NOW))


@pytest.mark.parametrize(
    "name",
    ["v5.2.10-2-running", "v6.4.1-2-running", "v7.3.2-2-running", "v8.1.7-2-running"],
)
def test_a_running_sidekiq_of_any_version_is_certain_under_any_prefix(
    store: Store, direct: Direct, name: str
) -> None:
    sidekiq(direct, name)
    sidekiq(direct, name, prefix="resque:")
    for keys in (BareKeys(""), KEYS):
        found = look(store, keys)
        assert found.level == "certain"
        assert found.is_all_sidekiqs
        assert (found.of_resque, found.problem) == ((), None)
        # What waits, what its processes serve though it is empty, and all others.
        assert {found.owner(queue) for queue in ("idle", "critical", "new")} == {"sidekiq"}
        assert None not in [found.refusal(queue) for queue in (None, "idle", "new")]


def test_a_recorded_namespace_is_found_with_its_own_name(store: Store, direct: Direct) -> None:
    sidekiq(direct, "v6.4.1-namespaced-2-running")
    assert look(store, Keys("app")).level == "certain"
    assert look(store, KEYS) == KeyOwners("'resque'")


def test_jobs_that_were_only_pushed_are_a_strong_sign(store: Store, direct: Direct) -> None:
    sidekiq(direct, "v6.4.1-1-enqueued", prefix="resque:")
    found = look(store)
    assert (found.level, found.is_all_sidekiqs) == ("strong", True)
    assert found.owners["idle"] == "sidekiq"


@pytest.mark.parametrize(
    "name",
    [
        *("enqueue_basic", "active_job", "failed_before_ops", "delayed", "schedules_running"),
        *("plugin_retry", "plugin_status", "worker_busy", "multi_queue", "bad_json"),
    ],
)
def test_nothing_that_real_resque_leaves_is_a_sign_of_sidekiq(
    store: Store, direct: Direct, name: str
) -> None:
    golden.restore(direct, name)
    found = look(store)
    assert (found.level, found.signs, found.warning) == ("none", (), None)
    assert found.refusal() is None
    assert "sidekiq" not in found.owners.values()


@pytest.mark.parametrize(
    ("items", "owner"),
    [
        ([RESQUES_JOB], "resque"),
        ([SIDEKIQS_JOB], "sidekiq"),
        ([RESQUES_JOB, SIDEKIQS_JOB], "mixed"),
        ([SIDEKIQS_JOB, b"no JSON", RESQUES_JOB], "mixed"),
        ([SIDEKIQS_JOB, b"no JSON"], "sidekiq"),
        ([b"no JSON"], "unknown"),
        ([], "unknown"),
    ],
)
def test_a_queue_is_judged_by_both_of_its_ends(
    store: Store, direct: Direct, items: list[bytes], owner: str
) -> None:
    resque(direct)
    if items:
        direct("RPUSH", "resque:queue:q", *items)
    found = look(store, queues=["q"])
    assert found.owner("q") == owner
    assert (found.refusal("q") is None) == (owner in ("resque", "unknown"))
    # Resque lives here: its other queues, and what is no queue, are its own.
    assert found.refusal() is None
    assert found.refusal("mail") is None


def cut(payload: Any) -> list[Any]:
    raw = encode(payload)
    return [raw[:2048], raw[-2048:], len(raw)]


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        (SIDEKIQS_JOB, "sidekiq"),
        (RESQUES_JOB, "resque"),
        (
            encode({"class": "A", "args": [], "jid": UUID}),
            "sidekiq",
        ),
        (encode({"class": "A", "args": [{"job_class": "B", "job_id": "0d5e-9d"}]}), "resque"),
        (encode({"class": "A", "args": [{"jid": JID}]}), "resque"),
        (encode({"class": "A", "args": [], "jid": "7"}), "resque"),
        (encode({"class": "A", "args": [], "jid": 7}), "resque"),
        (encode({"class": "A", "args": [], "queue": "q", "id": JID, "queue_time": 1}), "resque"),
        (encode({"class": "A", "args": [], "retry": True, "created_at": 1.5}), "hint"),
        (encode({"jid": JID}), ""),
        (b"[1]", ""),
        (b"\xff{", ""),
        (False, ""),
        (cut({"class": "A", "jid": JID, "args": [HUGE]}), "sidekiq"),
        (cut({"class": "A", "args": [HUGE], "retry": 5, "jid": JID, "created_at": 1.5}), "sidekiq"),
        # Those of the arguments are not the job's, at whichever end.
        (cut({"class": "A", "args": [HUGE, {"jid": JID}]}), ""),
        (cut({"class": "A", "args": [{"jid": JID}, HUGE]}), ""),
        (cut({"class": "A", "args": [HUGE]}), ""),
    ],
)
def test_a_job_is_sidekiqs_by_its_own_jid(item: Any, kind: str) -> None:
    assert kind_of(item) == kind


@pytest.mark.parametrize(
    ("command", "level"),
    [
        (("SADD", "resque:processes", "web:1:31d8a6557144"), "strong"),
        (("SADD", "resque:processes", "whatever"), "weak"),
        (("ZADD", "resque:retry", 1, SIDEKIQS_JOB), "strong"),
        (("ZADD", "resque:schedule", 1, RESQUES_JOB), "weak"),
        (("ZADD", "resque:dead", 1, "no JSON"), "weak"),
        (("ZADD", "resque:failed", 1, SIDEKIQS_JOB), "strong"),
        (("SET", "resque:stat:processed:2026-11-23", 1), "strong"),
        (("SET", "resque:stat:processed:2025-11-23", 1), "none"),
        (("SET", "resque:stat:processed:web:1:mail", 1), "none"),
        # Of another kind than Sidekiq's, and resque-scheduler's own.
        (("SET", "resque:processes", "web:1:31d8a6557144"), "none"),
        (("SADD", "resque:retry", SIDEKIQS_JOB), "none"),
        (("SADD", "resque:schedules_changed", "x"), "none"),
    ],
)
def test_each_sign_has_its_certainty(
    store: Store, direct: Direct, command: tuple[str | bytes | int, ...], level: str
) -> None:
    direct(*command)
    found = look(store)
    assert found.level == level
    assert (found.refusal() is not None) == (level in ("strong", "certain"))
    assert (found.warning is not None) == (level == "weak")
    # Where Resque has jobs, too, only Sidekiq's own queues are refused.
    direct("RPUSH", "resque:queue:mail", RESQUES_JOB)
    assert look(store, queues=["mail"]).refusal() is None


def test_large_jobs_are_read_in_several_short_scripts(store: Store, direct: Direct) -> None:
    large = {"class": "C", "args": ["x" * 600_000]}
    for name, job in (("a", large), ("b", large), ("c", {**large, "jid": JID})):
        direct("RPUSH", KEYS.queue(name), encode(job), encode(job))
    scripts = 0

    def counted() -> Steps[KeyOwners]:
        nonlocal scripts
        steps = ownership.owners_of_queues(KEYS, ["a", "b", "c"], now=NOW)
        reply = None
        while True:
            try:
                exchange = steps.send(reply)
            except StopIteration as stop:
                found: KeyOwners = stop.value
                return found
            scripts += 1
            reply = yield exchange

    assert store.run(counted()).owners == {"a": "unknown", "b": "unknown", "c": "sidekiq"}
    assert scripts == 3


def test_more_queues_than_are_looked_at_are_said_to_be_so(store: Store, direct: Direct) -> None:
    for n in range(205):
        direct("SADD", "resque:queues", f"q{n:03}")
    direct("RPUSH", "resque:queue:q204", SIDEKIQS_JOB)
    found = look(store)
    assert (found.is_complete, len(found.owners), found.level) == (False, 200, "none")
    named = look(store, queues=[f"q{n:03}" for n in range(205)])
    assert (named.is_complete, len(named.owners), named.level) == (True, 205, "strong")
    assert named.owner("q204") == "sidekiq"


@pytest.mark.parametrize(
    ("rights", "is_sure"),
    [(["-lindex"], True), (["-zrange", "-hget"], True), (["-evalsha", "-eval"], False)],
)
def test_what_may_not_be_read_is_a_problem_and_no_sign(
    direct: Direct, redis_url: str, rights: list[str], is_sure: bool
) -> None:
    sidekiq(direct, prefix="resque:")
    direct("ACL", "SETUSER", "half", "reset", "on", ">pw", "+@all", "~*", *rights)
    try:
        with Store(redis_url.replace("unix://", "unix://half:pw@")) as half:
            found = look(half)
    finally:
        direct("ACL", "DELUSER", "half")
    assert found.problem is not None
    assert found.is_sure == is_sure
    assert (found.warning is None) == is_sure, "unknown is said to be so"


@pytest.mark.parametrize(
    ("fleet", "systems"),
    [
        ("bare", {"no prefix": "Sidekiq"}),
        ("namespaced", {"'app'": "Sidekiq"}),
        ("under resque", {"'resque'": "Sidekiq"}),
        ("mixed", {"'resque'": "Resque and Sidekiq"}),
        ("resque", {"'resque'": "Resque"}),
        ("empty", {}),
    ],
)
def test_the_systems_of_a_database_are_found_with_their_prefixes(
    store: Store, direct: Direct, fleet: str, systems: dict[str, str]
) -> None:
    FLEETS[fleet](direct)
    found = store.run(neighbours.find_neighbours(KEYS, database=0, now=NOW))
    everything = (found.own, found.bare, *found.others.values())
    assert {each.place: each.system for each in everything if each.system} == systems
    assert found.is_complete


def test_connections_that_call_themselves_sidekiq_are_attributed_to_their_database() -> None:
    lines = (
        "id=1 addr=x db=0 name= lib-name=redis-client(sidekiq_v8.1.7) lib-ver=0.2\n"
        "id=2 addr=x db=3 name=sidekiq_v1 lib-name=redis-client(sidekiq_v7.0.0)\n"
        "id=3 addr=x db=0 lib-name=redis-py(sidekiq)\n"
    )
    asking = neighbours._clients(0)
    assert asking.parse([lines.encode()]) == ("sidekiq_v8.1.7",)

"""Whether Sidekiq lives in a database, under which namespace, and whether Resque does, too."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from tests.support import sidekiq_databases as databases
from tests.support import sidekiq_recordings as recordings
from tests.support.direct import Direct

from queuecore.exchange import single
from queuecore.reading import reading_only
from queuecore.stores import Store
from sidekiq.errors import BelongsToResque
from sidekiq.keys import SidekiqKeys
from sidekiq.store import systems
from sidekiq.store.systems import SidekiqSigns

NOW = datetime(2026, 11, 24, tzinfo=UTC)
JOB = databases.SIDEKIQS_JOB


def look(store: Store, *namespaces: str) -> dict[str, SidekiqSigns]:
    found = store.run(reading_only(systems.look(namespaces, now=NOW)))
    return {each.namespace: each for each in found}


@pytest.mark.parametrize("version", recordings.VERSIONS)
def test_every_recorded_state_with_anything_in_it_is_sidekiqs(
    direct: Direct, store: Store, version: str
) -> None:
    for name in recordings.of_version(version):
        recordings.restore(direct, name)
        held, namespace = recordings.values(name), recordings.namespace_of(name)
        signs = look(store, "", "app", "resque")
        runs = any(identity in held for identity in held.get("processes", ()))
        assert signs[namespace].is_sure, name
        assert (signs[namespace].sureness == "certain") == runs, name
        assert {each.sureness for each in signs.values() if each.namespace != namespace} == {"none"}
        assert all(not each.of_resque for each in signs.values()), name


@pytest.mark.parametrize(
    ("fleet", "namespace", "is_sure", "is_mixed"),
    [
        ("bare", "", True, False),
        ("namespaced", "app", True, False),
        ("under resque", "resque", True, False),
        ("mixed", "resque", True, True),
        ("resque", "resque", False, False),
        ("empty", "", False, False),
    ],
)
def test_no_prefix_proves_anything(
    direct: Direct, store: Store, fleet: str, namespace: str, is_sure: bool, is_mixed: bool
) -> None:
    databases.FLEETS[fleet](direct)
    found = look(store, "", "resque", "app")
    assert [each.namespace for each in found.values() if each.is_sure] == [namespace] * is_sure
    assert found[namespace].is_mixed == is_mixed
    assert bool(found[namespace].of_resque) == (fleet in ("mixed", "resque"))
    assert found[namespace].problem is None


@pytest.mark.parametrize(
    ("command", "sureness"),
    [
        (("LPUSH", "queue:a", JOB), "strong"),
        (("RPUSH", "queue:a", b"{}", JOB), "strong"),
        (("LPUSH", "queue:a", b'{"class":"A","args":[],"retry":true,"created_at":1}'), "weak"),
        (("LPUSH", "queue:a", b'{"class":"A","args":[]}'), "none"),
        (("LPUSH", "queue:a", b"no json"), "none"),
        (("SET", "queue:a", JOB), "none"),
        (("ZADD", "schedule", "1", JOB), "strong"),
        (("ZADD", "dead", "inf", b"no json"), "weak"),
        (("ZADD", "failed", "1", JOB), "strong"),
        (("RPUSH", "failed", b'{"payload":{}}'), "none"),
        (("SET", "stat:processed:2026-11-20", "1"), "strong"),
        (("SET", "stat:processed:2025-11-20", "1"), "none"),
        (("SADD", "processes", "vm:1:0123456789ab"), "strong"),
        (("SADD", "processes", "node:elixir"), "weak"),
        (("SET", "processes", "x"), "none"),
    ],
)
def test_each_sign_is_as_sure_as_it_is(
    direct: Direct, store: Store, command: tuple[bytes | str, ...], sureness: str
) -> None:
    direct("SADD", "queues", "a")
    direct(*command)
    signs = look(store, "")[""]
    assert signs.sureness == sureness
    assert bool(signs.signs) == (sureness != "none")
    assert signs.problem is None


@pytest.mark.parametrize("identity", ["vm:1:0123456789ab", "node:elixir"])
def test_a_hash_that_tells_the_same_identity_makes_it_surer(
    direct: Direct, store: Store, identity: str
) -> None:
    direct("SADD", "processes", identity)
    direct("HSET", identity, "info", '{"identity":"another"}')
    before = look(store, "")[""].sureness
    direct("HSET", identity, "info", json.dumps({"identity": identity}))
    after = look(store, "")[""].sureness
    expected = ("strong", "certain") if identity.startswith("vm") else ("weak", "strong")
    assert (before, after) == expected


def test_a_huge_job_is_known_by_its_ends(direct: Direct, store: Store) -> None:
    direct("SADD", "queues", "a")
    args = b'["' + b"x" * 2_000_000 + b'"]'
    direct("LPUSH", "queue:a", b'{"class":"A","args":%s,"jid":"%s"}' % (args, b"0" * 24))
    assert look(store, "")[""].is_sure
    direct("DEL", "queue:a")
    direct("LPUSH", "queue:a", b'{"class":"A","args":[%s,{"jid":"%s"}]}' % (args, b"0" * 24))
    assert not look(store, "")[""].is_sure


def test_other_namespaces_are_found_by_a_walk(direct: Direct, store: Store) -> None:
    databases.sidekiq(direct, prefix="shop:")
    databases.sidekiq(direct, prefix="a:b*[c]:")
    databases.sidekiq(direct)
    databases.resque(direct)
    direct("SADD", "fake:queues", "a")
    found, is_complete = store.run(reading_only(systems.search(["", "shop"], now=NOW)))
    assert ([each.namespace for each in found], is_complete) == (["a:b*[c]"], True)


@pytest.mark.parametrize("fleet", databases.FLEETS)
def test_a_glance_finds_what_a_look_finds(direct: Direct, store: Store, fleet: str) -> None:
    databases.FLEETS[fleet](direct)
    expected: dict[str, systems.Expected] = {"": "sidekiq", "app": "sidekiq", "resque": "resque"}
    glanced = store.run(reading_only(systems.glance(expected, now=NOW)))
    for each, looked in zip(glanced, look(store, *expected).values(), strict=True):
        assert each.namespace == looked.namespace
        assert (each.is_sure, bool(each.of_resque)) == (looked.is_sure, bool(looked.of_resque))


def test_hundreds_of_namespaces_are_bounded(direct: Direct, store: Store) -> None:
    for number in range(systems.MOST_NAMESPACES + 50):
        direct("SADD", f"ns{number:03}:processes", "vm:1:0123456789ab")
    found, is_complete = store.run(systems.search([], now=NOW))
    assert len(found) == systems.MOST_NAMESPACES
    assert not is_complete


def test_what_may_not_be_read_shows_nothing_and_is_said(direct: Direct, redis_url: str) -> None:
    databases.sidekiq(direct)
    direct("ACL", "SETUSER", "none", "on", ">p", "+@all", "~app:*")
    try:
        with Store(redis_url.replace("unix://", "unix://none:p@")) as limited:
            bare, app = limited.run(systems.look(["", "app"], now=NOW))
    finally:
        direct("ACL", "DELUSER", "none")
    assert (bare.sureness, app.sureness, app.problem) == ("none", "none", None)
    assert bare.problem


def test_what_is_resques_is_not_written_to(store: Store, direct: Direct) -> None:
    direct("SADD", "queues", "q")
    direct("RPUSH", "queue:q", '{"class":"Mail","args":[1]}')
    write = single(("SET", "own:key", 1), bool, writes=True)
    with pytest.raises(BelongsToResque, match="queue 'q' holds its jobs"):
        store.run(systems.guarded(SidekiqKeys(), write))
    assert direct("EXISTS", "own:key") == 0
    # A job of a client in another language, which gives ids of its own.
    direct("LSET", "queue:q", 0, '{"class":"Mail","args":[1],"jid":"c1"}')
    assert store.run(systems.guarded(SidekiqKeys(), write))
    direct("RPUSH", "queue:r", '{"class":"Mail","args":[1]}')
    direct("SADD", "queues", "r")
    direct("ZADD", "retry", 1, json.dumps({"class": "A", "args": [], "jid": "0" * 24}))
    assert store.run(systems.guarded(SidekiqKeys(), write))

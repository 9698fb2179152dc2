"""Lists of jobs that a process took: found whatever keeps them, told from queues, and whether
anybody holds them."""

from __future__ import annotations

import pytest
from tests.support.direct import Direct
from tests.support.golden import restore
from tests.support.sidekiq_sets import STATES, keys_of, payload

from queuecore.reading import reading_only
from queuecore.stores import Store
from sidekiq.keys import SidekiqKeys
from sidekiq.store import private_lists, waiting_jobs
from sidekiq.store.private_lists import PrivateList

LIVE, GONE = "vm:80:f1bd128cb486", "vm:81:aaaaaaaaaaaa"


def found(store: Store, keys: SidekiqKeys) -> dict[str, tuple[object, ...]]:
    lists, is_complete = store.run(reading_only(private_lists.find(keys)))
    assert is_complete
    start = len(keys.everything())
    return {
        each.key.decode()[start:]: (each.kind, each.queue, each.holder, each.length, each.is_held)
        for each in lists
    }


@pytest.mark.parametrize("namespace", ["", "app", "a*[b]"])
def test_each_kind_is_found_with_its_queue_its_holder_and_whether_that_lives(
    store: Store, direct: Direct, namespace: str
) -> None:
    keys = SidekiqKeys(namespace)
    lists = {
        f"queue:sq|{LIVE}|default": ("super_fetch", "default", LIVE, 2, True),
        f"queue:sq|{GONE}|a|b: c": ("super_fetch", "a|b: c", GONE, 2, False),
        "queue:sq|box|default": ("super_fetch", "default", "box", 2, None),
        "queue:sq|odd": ("super_fetch", "odd", None, 2, None),
        f"working:queue:mail:{LIVE}": ("reliable-fetch", "mail", LIVE, 2, True),
        f"working:queue:a:b:{GONE}": ("reliable-fetch", "a:b", GONE, 2, False),
        "working:queue:mail:vm:82": ("reliable-fetch", "mail", "vm:82", 2, True),
        "queue:backup::node1::default": ("Exq", "default", "node1", 2, True),
        "queue:backup::node2::x::y": ("Exq", "x::y", "node2", 2, None),
        "queue:backup::default": ("Exq", "default", None, 2, None),
        "queue:a:b:1:inprogress": ("go-workers2", "a:b", "1", 2, None),
        "queue:default:host1:inprogress": ("go-workers2", "default", "host1", 2, True),
    }
    prefix = keys.everything()
    for name in lists:
        direct("RPUSH", prefix + name.encode(), payload(1), payload(2))
    for process in (LIVE, "node1", "host1"):
        direct("HSET", keys.process(process), "beat", "1")
    direct("SET", keys.fetcher_beat(LIVE), 1)
    direct("SET", keys.fetcher_beat("vm:82"), 1)
    assert found(store, keys) == lists


def test_a_queue_that_is_really_named_so_stays_a_queue(store: Store, direct: Direct) -> None:
    keys = SidekiqKeys()
    for name in ("sq|x", "backup::a", "default:1:inprogress", "plain"):
        direct("SADD", keys.queues(), name)
        direct("LPUSH", keys.queue(name), payload(1))
    assert found(store, keys) == {}


def test_what_is_no_list_or_belongs_to_others_is_left_out(store: Store, direct: Direct) -> None:
    keys = SidekiqKeys()
    direct("SET", "queue:sq|a|b", "text")
    direct("HSET", "working:queue:a:vm:1", "f", "v")
    direct("RPUSH", "app:queue:sq|a|b", payload(1))
    direct("RPUSH", "working:queue:nobody", payload(1))
    direct("RPUSH", "queue:orphan", payload(1))
    direct("RPUSH", b"queue:sq|\xff\n|q", payload(1))
    lists, _ = store.run(private_lists.find(keys))
    assert [(each.key, each.queue, each.is_held) for each in lists] == [
        (b"queue:sq|\xff\n|q", "q", None)
    ]


def test_no_recording_of_open_source_has_one(store: Store, direct: Direct) -> None:
    for state in STATES[::6]:
        direct("FLUSHALL")
        restore(direct, state)
        assert found(store, keys_of(state)) == {}


def test_its_jobs_are_read_as_those_of_a_queue(store: Store, direct: Direct) -> None:
    keys = SidekiqKeys()
    direct("LPUSH", f"queue:sq|{GONE}|default", *(payload(number) for number in range(5)))
    [[held], _] = store.run(private_lists.find(keys))
    page = store.run(waiting_jobs.page(held.key, (), 3))
    assert [job.record.args for job in page.jobs] == [[0], [1], [2]]


def test_a_search_of_many_keys_says_whether_it_saw_all(
    store: Store, direct: Direct, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_lists, "MOST_LISTS", 10)
    for number in range(2_500):
        direct("RPUSH", f"queue:sq|{GONE}|{number}", payload(1))
    lists, is_complete = store.run(private_lists.find(SidekiqKeys()))
    assert len(lists) >= 10
    assert not is_complete


def test_the_name_of_any_other_key_says_nothing() -> None:
    keys = SidekiqKeys("app")
    for key in (b"", b"queue:sq|a|b", b"app:queue:", b"app:queue:a", b"app:working:queue:"):
        assert private_lists.read_key(keys, key) is None
    read = private_lists.read_key(keys, b"app:queue:sq|a|b")
    assert read == PrivateList(b"app:queue:sq|a|b", "super_fetch", "b", "a")

"""What an operator does with entries of Sidekiq's sets touches exactly those that were named."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import hiredis
import pytest
from tests.support.direct import Direct
from tests.support.engine_fixtures import StartRedis
from tests.support.operations import StepByStep
from tests.support.rights import refused
from tests.support.sidekiq_jobs import (
    KEYS,
    NOON_S,
    failed_job,
    fill_set,
    job,
    record,
    state_of,
    waiting_in,
)

from queuecore import audit
from queuecore.bulk import Result
from queuecore.exchange import Exchange, Steps, drive
from queuecore.stores import Store
from queuecore.windows import sha_of
from sidekiq.errors import AuthRefused, BadOption, StoreError
from sidekiq.keys import SetName
from sidekiq.store import entry_actions, undo
from sidekiq.store.entry_search import EntryRef, EntryRefs, find_entry
from sidekiq.store.pushes import PushTime

RETRY, DEAD, SCHEDULE = (KEYS.jobs(name) for name in ("retry", "dead", "schedule"))
NOW = PushTime(NOON_S)
AT_S = 1795436047.1600001

Act = Callable[[Sequence[EntryRef], Any], Steps[Result]]
#: Each action on entries of `retry`.
ACTS: dict[str, Act] = {
    "run": lambda refs, mine: entry_actions.run(KEYS, "retry", refs, NOW, mine),
    "run elsewhere": lambda refs, mine: entry_actions.run(KEYS, "retry", refs, NOW, mine, to="x"),
    "delete": lambda refs, mine: entry_actions.delete(KEYS, "retry", refs, mine),
    "kill": lambda refs, mine: entry_actions.kill(KEYS, "retry", refs, AT_S, mine),
    "reschedule": lambda refs, mine: entry_actions.reschedule(KEYS, "retry", refs, AT_S, mine),
    "move": lambda refs, mine: entry_actions.move(KEYS, "retry", refs, "x", mine),
    "edit and run": lambda refs, mine: entry_actions.edit_and_run(
        KEYS, "retry", refs[:1], lambda _: failed_job(1, args=["other"]), NOW, mine
    ),
}
CHANGING = [act for act in ACTS if act not in ("delete", "reschedule")]


@pytest.mark.parametrize(
    ("name", "count", "left"), [("retry", 0, -1), ("retry", -7, -8), ("dead", 24, 23)]
)
def test_a_retry_changes_two_members_and_no_other_byte(
    store: Store, direct: Direct, name: SetName, count: int, left: int
) -> None:
    raw = b'{"class":"A", "args":[1.50,"\\u00e9"],"queue":"q","enqueued_at":1.25,"retry_count":%d}'
    [ref] = fill_set(direct, KEYS.jobs(name), {raw % count: AT_S})
    assert store.run(entry_actions.run(KEYS, name, [ref], NOW)) == Result(done=1)
    assert waiting_in(direct, "q") == [(raw % left).replace(b"1.25", b"1795435200.5")]
    assert direct("SMEMBERS", KEYS.queues()) == [b"q"]
    assert direct("EXISTS", KEYS.jobs(name)) == 0


@pytest.mark.parametrize(
    ("when", "written"),
    [
        (PushTime(1795435200), b"1795435200.0"),
        (PushTime(1795435200.25), b"1795435200.25"),
        (PushTime(1795435200.25, in_ms=True), b"1795435200250"),
    ],
)
def test_the_time_is_written_in_seconds_or_milliseconds(when: PushTime, written: bytes) -> None:
    assert when.written == written


def test_a_scheduled_job_keeps_its_count_and_gets_its_time_at_the_end(
    store: Store, direct: Direct
) -> None:
    raw = job(1, retry_count=3)
    [ref] = fill_set(direct, SCHEDULE, {raw: AT_S})
    assert store.run(entry_actions.run(KEYS, "schedule", [ref], NOW)) == Result(done=1)
    assert waiting_in(direct, "default") == [raw[:-1] + b',"enqueued_at":1795435200.5}']


def test_of_three_entries_of_one_score_without_jid_two_stay(store: Store, direct: Direct) -> None:
    raws = [failed_job(number, jid=None) for number in range(3)]
    refs = fill_set(direct, RETRY, dict.fromkeys(raws, 1795440000.0))
    assert store.run(entry_actions.run(KEYS, "retry", refs[1:2], NOW)) == Result(done=1)
    assert state_of(direct)["retry"] == dict.fromkeys([raws[0], raws[2]], 1795440000.0)
    assert json.loads(waiting_in(direct, "default")[0])["args"] == [1]


@pytest.mark.parametrize("score", [float("inf"), float("-inf"), 0.1 + 0.2, 1e300, -5.0, 0.0])
def test_any_score_is_found_and_comes_back(store: Store, direct: Direct, score: float) -> None:
    [ref] = fill_set(direct, RETRY, {failed_job(1): score})
    before, mine = state_of(direct), record("kill", RETRY)
    assert store.run(entry_actions.kill(KEYS, "retry", [ref], AT_S, mine)) == Result(done=1)
    assert state_of(direct) == {"dead": {failed_job(1): AT_S}}
    assert store.run(undo.undo(KEYS, mine.id)).done == 1
    assert state_of(direct) == before


@pytest.mark.parametrize("act", ACTS)
def test_each_action_is_taken_back_to_the_byte_and_once(
    store: Store, direct: Direct, act: str
) -> None:
    entries = {failed_job(number): AT_S + number // 2 for number in range(6)}
    refs = fill_set(direct, RETRY, entries)[1:4]
    before, mine = state_of(direct), record(act, RETRY)
    result = store.run(ACTS[act](refs, mine))
    assert result == Result(done=1 if act == "edit and run" else 3)
    assert state_of(direct) != before
    undone = store.run(undo.undo(KEYS, mine.id, record("undo", RETRY, undo_s=0)))
    assert (undone.done, undone.lost) == (result.done, 0)
    assert state_of(direct) == before
    assert not store.run(undo.undo(KEYS, mine.id)).is_known
    entries_ = store.run(audit.newest(KEYS, 9))
    assert [(each.action, each.done) for each in entries_] == [
        ("undo", result.done),
        (act, result.done),
    ]


@pytest.mark.parametrize("act", ACTS)
def test_an_entry_that_a_poller_took_is_gone(store: Store, direct: Direct, act: str) -> None:
    raws = [failed_job(number) for number in range(2)]
    refs = fill_set(direct, RETRY, dict.fromkeys(raws, 5.0))
    hand = StepByStep(store, ACTS[act](refs[:1], record(act, RETRY)))
    hand.step_until_it_writes()
    direct("ZREM", RETRY, raws[0])
    assert hand.finish() == Result(gone=1)
    assert state_of(direct) == {"retry": {raws[1]: 5.0}}
    assert store.run(ACTS[act](refs[:1], None)) == Result(gone=1)
    assert direct("EXISTS", KEYS.audit()) == 0


@pytest.mark.parametrize("act", CHANGING)
@pytest.mark.parametrize(
    "raw",
    [b"", b"no json", b"[1,2]", b"null", b'"x"', b"\xff{}", b'{"class":"A","args":[]'],
    ids=repr,
)
def test_what_is_no_object_is_neither_run_nor_killed(
    store: Store, direct: Direct, raw: bytes, act: str
) -> None:
    refs = fill_set(direct, RETRY, {raw: 5.0})
    before = state_of(direct)
    result = store.run(ACTS[act](refs, record(act, RETRY)))
    assert (result.done, result.gone, len(result.refused)) == (0, 0, 1)
    assert "only be deleted or exported" in result.refused[0][0]
    assert state_of(direct) == before
    exported: list[bytes] = []
    assert store.run(entry_actions.export(KEYS, "retry", refs, exported.append)).done == 1
    assert exported == [raw]
    mine = record("delete", RETRY)
    assert store.run(entry_actions.delete(KEYS, "retry", refs, mine)) == Result(done=1)
    assert store.run(undo.undo(KEYS, mine.id)).done == 1
    assert state_of(direct) == before


@pytest.mark.parametrize(
    "members",
    [
        {"retry_count": "1"},
        {"retry_count": True},
        {"retry_count": 1.5},
        {"retry_count": [1]},
        {"class": 7},
        {"class": None},
        {"args": None},
        {"args": "x"},
        {"queue": None},
        {"queue": ["x"]},
        {"queue": ""},
    ],
    ids=repr,
)
def test_what_sidekiq_would_destroy_is_refused(
    store: Store, direct: Direct, members: dict[str, Any]
) -> None:
    refs = fill_set(direct, RETRY, {failed_job(1, **members): 5.0, failed_job(2): 5.0})
    result = store.run(entry_actions.run(KEYS, "retry", refs, NOW))
    assert result.done == 1
    assert [count for _, count in result.refused] == [1]
    assert state_of(direct)["retry"] == {failed_job(1, **members): 5.0}


@pytest.mark.parametrize("count", [10**9, 10**400, None, False])
def test_other_counts_are_run(store: Store, direct: Direct, count: Any) -> None:
    raw = failed_job(1).replace(
        b'"retry_count":0', b'"retry_count":%s' % json.dumps(count).encode()
    )
    refs = fill_set(direct, RETRY, {raw: 5.0})
    assert store.run(entry_actions.run(KEYS, "retry", refs, NOW)) == Result(done=1)
    left = json.loads(waiting_in(direct, "default")[0])["retry_count"]
    assert left == (count - 1 if count else count)


def test_a_job_without_a_queue_can_go_to_a_named_one(store: Store, direct: Direct) -> None:
    refs = fill_set(direct, RETRY, {failed_job(1, queue=None): 5.0})
    assert store.run(entry_actions.run(KEYS, "retry", refs, NOW, to="x")) == Result(done=1)
    assert json.loads(waiting_in(direct, "x")[0])["queue"] == "x"


def test_an_equal_entry_is_not_merged_with_another(store: Store, direct: Direct) -> None:
    a, b = failed_job(1, queue="a"), failed_job(1, queue="b")
    refs = fill_set(direct, RETRY, {a: 5.0, b: 5.0})
    fill_set(direct, DEAD, {a: 9.0})
    killed = store.run(entry_actions.kill(KEYS, "retry", refs, AT_S))
    assert killed == Result(done=1, refused=(("an equal entry is there already", 1),))
    assert state_of(direct) == {"retry": {a: 5.0}, "dead": {a: 9.0, b: AT_S}}
    refs = fill_set(direct, RETRY, {b: 5.0})
    moved = store.run(entry_actions.move(KEYS, "retry", [*refs, EntryRef(5.0, sha_of(a))], "x"))
    assert (moved.done, len(moved.refused)) == (1, 1)
    assert len(state_of(direct)["retry"]) == 2


def test_what_goes_to_a_key_that_is_no_list_stays(store: Store, direct: Direct) -> None:
    entries = {failed_job(number, queue="ab"[number % 2]): 5.0 for number in range(4)}
    refs = fill_set(direct, RETRY, entries)
    direct("SET", KEYS.queue("a"), "no list")
    result = store.run(entry_actions.run(KEYS, "retry", refs, NOW))
    assert result == Result(done=2, refused=(("the key of its queue holds no list", 2),))
    assert len(waiting_in(direct, "b")) == 2
    assert direct("ZCARD", RETRY) == 2
    assert direct("SMEMBERS", KEYS.queues()) == [b"b"]


def test_a_set_of_another_kind_stops_the_action(store: Store, direct: Direct) -> None:
    refs = fill_set(direct, RETRY, {failed_job(1): 5.0})
    direct("SET", DEAD, "x")
    result = store.run(entry_actions.kill(KEYS, "retry", refs, AT_S))
    assert (result.done, isinstance(result.stopped, StoreError)) == (0, True)
    assert direct("ZCARD", RETRY) == 1


def test_thousands_of_one_score_are_gone_through_while_others_come_and_go(
    store: Store, direct: Direct
) -> None:
    raws = sorted(failed_job(number) for number in range(1400))
    refs = fill_set(direct, RETRY, dict.fromkeys(raws, 5.0))
    wanted = refs[3::7]
    hand = StepByStep(store, entry_actions.run(KEYS, "retry", wanted, NOW, at_once=60))
    others = iter(range(1400))

    def poller_and_failures() -> None:
        direct("ZPOPMIN", RETRY)
        direct("ZADD", RETRY, "5", b" new %d" % next(others))

    result = hand.finish(poller_and_failures)
    # What was wanted and is not in the set any more was run, or taken by the poller before.
    left = {sha_of(raw) for raw in direct("ZRANGE", RETRY, 0, -1)}
    assert left.isdisjoint({ref.sha for ref in wanted})
    assert result.done == len(waiting_in(direct, "default"))
    assert result.done + result.gone == len(wanted)


def test_large_entries_are_taken_a_few_at_a_time(store: Store, direct: Direct) -> None:
    entries = {failed_job(number, args=["x" * 600_000]): 5.0 for number in range(5)}
    refs = fill_set(direct, RETRY, entries)
    before, mine = state_of(direct), record("run", RETRY)
    hand = StepByStep(store, entry_actions.run(KEYS, "retry", refs, NOW, mine))
    writes = 0
    while hand.next is not None:
        writes += hand.next.writes
        hand.step()
    assert hand.finish() == Result(done=5)
    assert writes == 5
    assert store.run(undo.undo(KEYS, mine.id)).done == 5
    assert state_of(direct) == before


def test_what_workers_took_is_lost_to_the_undo_and_not_doubled(
    store: Store, direct: Direct
) -> None:
    refs = fill_set(direct, RETRY, {failed_job(number): 5.0 for number in range(5)})
    mine = record("run", RETRY)
    assert store.run(entry_actions.run(KEYS, "retry", refs, NOW, mine)).done == 5
    direct("RPOP", KEYS.queue("default"), 2)
    direct("LPUSH", KEYS.queue("default"), b"a newcomer")
    undone = store.run(undo.undo(KEYS, mine.id))
    assert (undone.done, undone.lost) == (3, 2)
    assert direct("ZCARD", RETRY) == 3
    assert waiting_in(direct, "default") == [b"a newcomer"]


def test_what_was_rescheduled_or_revived_since_stays(store: Store, direct: Direct) -> None:
    raws = [failed_job(number) for number in range(2)]
    refs = fill_set(direct, RETRY, dict.fromkeys(raws, 5.0))
    mine = record("reschedule", RETRY)
    assert store.run(entry_actions.reschedule(KEYS, "retry", refs, 7.0, mine)).done == 2
    direct("ZADD", RETRY, "8", raws[0])
    undone = store.run(undo.undo(KEYS, mine.id))
    assert (undone.done, undone.lost) == (1, 1)
    assert state_of(direct)["retry"] == {raws[0]: 8.0, raws[1]: 5.0}

    mine = record("kill", RETRY)
    refs = [EntryRef(8.0, sha_of(raws[0])), EntryRef(5.0, sha_of(raws[1]))]
    assert store.run(entry_actions.kill(KEYS, "retry", refs, 9.0, mine)).done == 2
    direct("ZREM", DEAD, raws[0])
    undone = store.run(undo.undo(KEYS, mine.id))
    assert (undone.done, undone.lost) == (1, 1)
    assert state_of(direct) == {"retry": {raws[1]: 5.0}}


def test_an_entry_that_is_back_by_itself_is_not_restored_twice(
    store: Store, direct: Direct
) -> None:
    refs = fill_set(direct, RETRY, {failed_job(1): 5.0})
    mine = record("run", RETRY)
    assert store.run(entry_actions.run(KEYS, "retry", refs, NOW, mine)).done == 1
    fill_set(direct, RETRY, {failed_job(1): 6.0})
    undone = store.run(undo.undo(KEYS, mine.id))
    assert (undone.done, undone.lost) == (0, 1)
    assert len(waiting_in(direct, "default")) == 1
    assert state_of(direct)["retry"] == {failed_job(1): 6.0}


def test_one_operation_may_act_on_several_sets(store: Store, direct: Direct) -> None:
    retries = fill_set(direct, RETRY, {failed_job(number): 5.0 for number in range(3)})
    deaths = fill_set(direct, DEAD, {failed_job(number): 6.0 for number in range(3, 6)})
    before, mine = state_of(direct), record("run", RETRY)
    assert store.run(entry_actions.run(KEYS, "retry", retries, NOW, mine)).done == 3
    assert store.run(entry_actions.run(KEYS, "dead", deaths, NOW, mine)).done == 3
    [entry] = store.run(audit.newest(KEYS, 9))
    assert entry.done == 6
    assert store.run(undo.undo(KEYS, mine.id)).done == 6
    assert state_of(direct) == before


def test_an_action_that_is_stopped_half_way_says_what_it_did(store: Store, direct: Direct) -> None:
    refs = fill_set(direct, RETRY, {failed_job(number): float(number) for number in range(30)})
    writes = 0

    def run(exchange: Exchange[Any]) -> Any:
        nonlocal writes
        writes += exchange.writes
        if writes == 3:
            raise StoreError("the line is dead")
        return store.run(exchange)

    result = drive(entry_actions.run(KEYS, "retry", refs, NOW, at_once=10), run)
    assert (result.done, str(result.stopped)) == (20, "the line is dead")
    assert len(waiting_in(direct, "default")) == 20
    assert direct("ZCARD", RETRY) == 10


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("command", ["-zrem", "-zadd", "-lpush", "-sadd", "-xadd", "-rpush"])
def test_without_a_right_nothing_is_done(
    store: Store, direct: Direct, act: str, command: str
) -> None:
    refs = fill_set(direct, RETRY, {failed_job(number): 5.0 for number in range(2)})
    before = state_of(direct)
    with refused(direct, command):
        result = store.run(ACTS[act](refs[:1], record(act, RETRY)))
        if result.stopped is None:
            assert result.done == 1
            return
    assert isinstance(result.stopped, AuthRefused)
    assert state_of(direct) == before
    assert direct("EXISTS", KEYS.audit()) == 0


def test_a_server_without_memory_still_does_it_and_takes_it_back(start_redis: StartRedis) -> None:
    server = start_redis("--maxmemory-policy", "noeviction")
    with Store(server.url) as store, server.direct() as direct:
        refs = fill_set(direct, RETRY, {failed_job(number): 5.0 for number in range(5)})
        before = state_of(direct)
        direct("CONFIG", "SET", "maxmemory", "1")
        with pytest.raises(hiredis.ReplyError, match="OOM"):
            direct("SET", "own:more", "x")
        for act, start in ACTS.items():
            mine = record(act, RETRY)
            result = store.run(start(refs, mine))
            assert (result.done, result.stopped) == (1 if act == "edit and run" else 5, None), act
            assert store.run(undo.undo(KEYS, mine.id)).done == result.done
            assert state_of(direct) == before


def test_a_time_that_is_no_number_is_refused(store: Store, direct: Direct) -> None:
    refs = fill_set(direct, RETRY, {failed_job(1): 5.0})
    with pytest.raises(BadOption):
        store.run(entry_actions.reschedule(KEYS, "retry", refs, float("nan")))
    assert state_of(direct)["retry"] == {failed_job(1): 5.0}


def test_a_script_takes_no_more_than_it_can(store: Store, direct: Direct) -> None:
    entries = {failed_job(number): float(number) for number in range(3000)}
    refs = fill_set(direct, RETRY, entries)
    mine = record("run", RETRY)
    steps = entry_actions.run(KEYS, "retry", refs, NOW, mine, at_once=10_000)
    assert store.run(steps) == Result(done=3000)
    assert store.run(undo.undo(KEYS, mine.id)).done == 3000
    assert state_of(direct)["retry"] == entries


def test_refs_are_kept_small_and_come_in_the_order_of_their_scores() -> None:
    refs = [EntryRef(score, sha_of(b"%f" % score)) for score in (3.5, 1.25, float("inf"), 2.0)]
    kept = EntryRefs(refs)
    ordered = sorted(refs, key=lambda ref: ref.score)
    assert list(kept) == ordered
    assert (len(kept), kept[0], kept[1:3]) == (4, ordered[0], ordered[1:3])
    with pytest.raises(ValueError, match="no SHA-1"):
        kept.add(EntryRef(1.0, "ab"))


def test_one_entry_is_found_whole(store: Store, direct: Direct) -> None:
    refs = fill_set(direct, RETRY, {failed_job(number): 5.0 for number in range(40)})
    assert store.run(find_entry(RETRY, refs[30])) == failed_job(30)
    assert store.run(find_entry(RETRY, EntryRef(5.0, sha_of(b"")))) is None
    assert store.run(find_entry(RETRY, EntryRef(6.0, refs[0].sha))) is None


def test_what_becomes_of_the_next_entries_is_decided_while_redis_takes_these(
    store: Store, direct: Direct
) -> None:
    refs = fill_set(direct, KEYS.jobs("retry"), {failed_job(n): NOON_S + n for n in range(250)})
    edited: list[bytes] = []
    seen: list[tuple[int, int]] = []

    def edit(raw: bytes) -> bytes:
        edited.append(raw)
        return raw

    def one(exchange: Exchange[Any]) -> Any:
        if exchange.meanwhile is not None:
            before = len(edited)
            exchange.meanwhile()
            seen.append((before, len(edited)))
        return store.run(exchange)

    when = PushTime(NOON_S)
    result = drive(entry_actions.edit_and_run(KEYS, "retry", refs, edit, when), one)
    assert (result.done, result.gone) == (250, 0)
    assert seen == [(100, 200), (200, 250)]
    assert len({*edited}) == len(edited) == 250

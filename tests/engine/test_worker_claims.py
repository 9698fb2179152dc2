"""Two processes with one worker id: each has its own place, and neither harms the other's job."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from tests.support.direct import Direct
from tests.support.engine_fixtures import Push, StartWorker
from tests.support.operations import KEYS, StepByStep
from tests.support.waiting import eventually
from tests.support.worker_claims import ELSEWHERE, HERE, place
from tests.support.worker_process import WorkerProcess
from tests.support.worker_results import TURNS, await_begun, failures, stat

from queuecore import times
from queuecore.stores import Store
from resque.store import claims, pruning, stale, workers
from resque.store.claims import Claim, Terms, WorkerId
from resque.worker.membership import here
from resque.worker.reserve import Closing, Taken, work

ID = "h:1:q"
RECORD = b'{"queue":"q","run_at":"2026-11-23T11:59:00Z","payload":{"class":"A","args":[1.50]}}'
HEARTS = "resque:workers:heartbeat"


def terms(*, own: Callable[[str, bytes | None], bool] = lambda worker_id, beat: False) -> Terms:
    now = times.wall_now()
    return Terms(now, times.heartbeat(now), 300, 300, times.wall_now, False, own)


def register(store: Store, mine: WorkerId) -> Claim:
    claim = store.run(claims.take(KEYS, mine.wanted(), terms()))
    assert claim is not None
    mine.take(claim)
    return claim


def ask(store: Store, claim: Claim, closing: Closing | None = None, processed: int = 0) -> Taken:
    now = times.wall_now()
    return store.run(
        work(KEYS, claim, ["q"], closing=closing, processed=processed, take=True, now=now)
    )


def beat(direct: Direct, worker_id: str, age_s: float) -> None:
    moment = datetime.now(UTC) - timedelta(seconds=age_s)
    direct("HSET", HEARTS, worker_id, moment.isoformat(timespec="seconds"))


def hold(direct: Direct, worker_id: str = ID) -> None:
    direct("SADD", "resque:workers", worker_id)
    direct("SET", f"resque:worker:{worker_id}", RECORD)


def registered(direct: Direct) -> list[str]:
    return sorted(member.decode() for member in direct("SMEMBERS", "resque:workers"))


# ---- registering


def test_each_of_three_that_bear_one_id_gets_a_name_of_its_own(
    store: Store, direct: Direct
) -> None:
    names = [register(store, place(f"boot-1 pid:[{n}]")).worker_id for n in range(3)]
    assert names == ["h:1:q", "h-2:1:q", "h-3:1:q"]
    assert registered(direct) == sorted(names)
    assert [workers.identity(name).queues for name in names] == [("q",)] * 3


def test_of_two_that_start_at_once_after_a_third_one_records_its_death(
    store: Store, direct: Direct
) -> None:
    hold(direct)
    beat(direct, ID, 1000)
    both = [
        StepByStep(store, claims.take(KEYS, place(where).wanted(), terms()))
        for where in (HERE, ELSEWHERE)
    ]
    for steps in both:
        steps.step()
    ids = [claim.worker_id for steps in both if (claim := steps.finish()) is not None]
    assert ids == ["h:1:q", "h-2:1:q"]
    assert [entry["error"] for entry in failures(direct)] == ["Job still being processed"]


def test_the_job_of_one_that_was_restarted_in_its_place_fails_at_once(
    store: Store, direct: Direct
) -> None:
    first = register(store, place())
    direct("RPUSH", "resque:queue:q", '{"class":"A","args":[1.50]}')
    ask(store, first)
    direct("SET", f"resque:stat:processed:{ID}", 41)
    again = register(store, place())
    assert (again.worker_id, again.token != first.token) == (ID, True)
    [entry] = direct("LRANGE", "resque:failed", 0, -1)
    assert b'"payload":{"class":"A","args":[1.50]}' in entry
    assert b'"Resque::DirtyExit"' in entry
    assert direct("EXISTS", f"resque:worker:{ID}", f"resque:stat:processed:{ID}") == 0
    assert ask(store, first).state == "lost"


def test_a_record_that_the_dead_one_did_not_write_is_left_to_its_writer(
    store: Store, direct: Direct
) -> None:
    register(store, place())
    hold(direct)
    assert register(store, place()).worker_id == "h-2:1:q"
    assert direct("GET", f"resque:worker:{ID}") == RECORD


@pytest.mark.parametrize("where", [(HERE, ELSEWHERE), ("", "")])
def test_the_job_of_one_that_may_live_elsewhere_is_left_alone(
    store: Store, direct: Direct, where: tuple[str, str]
) -> None:
    register(store, place(where[0]))
    hold(direct)
    assert register(store, place(where[1])).worker_id == "h-2:1:q"
    assert direct("GET", f"resque:worker:{ID}") == RECORD
    assert direct("EXISTS", "resque:failed") == 0


@pytest.mark.parametrize("age_s", [None, 10, -50])
def test_an_id_that_a_worker_of_ruby_bears_is_left_to_it(
    store: Store, direct: Direct, age_s: float | None
) -> None:
    hold(direct)
    if age_s is not None:
        beat(direct, ID, age_s)
    seen = [direct("GET", f"resque:worker:{ID}"), direct("HGET", HEARTS, ID)]
    assert register(store, place()).worker_id == "h-2:1:q"
    assert [direct("GET", f"resque:worker:{ID}"), direct("HGET", HEARTS, ID)] == seen


def test_a_heart_that_beats_without_a_registration_is_one_of_a_living_worker(
    store: Store, direct: Direct
) -> None:
    beat(direct, ID, 10)
    assert register(store, place()).worker_id == "h-2:1:q"


@pytest.mark.parametrize("has_claim", [False, True])
def test_the_job_of_one_whose_heart_stopped_fails(
    store: Store, direct: Direct, has_claim: bool
) -> None:
    if has_claim:
        register(store, place(ELSEWHERE))
    hold(direct)
    beat(direct, ID, 1000)
    assert register(store, place()).worker_id == ID
    assert len(failures(direct)) == 1


def test_a_worker_whose_registration_is_repeated_keeps_what_it_has(
    store: Store, direct: Direct
) -> None:
    mine = place()
    direct("RPUSH", "resque:queue:q", '{"class":"A","args":[]}')
    taken = ask(store, register(store, mine))
    assert taken.record is not None
    assert register(store, mine).worker_id == ID
    assert direct("GET", f"resque:worker:{ID}") == taken.record.raw


def test_a_claim_lives_as_long_as_its_heart_beats(store: Store, direct: Direct) -> None:
    claim = register(store, place())
    key = f"resque:qtop:claim:{ID}"
    assert 0 < direct("TTL", key) <= 300
    direct("EXPIRE", key, 5)
    is_ours, _ = store.run(claims.beat(KEYS, claim, "x", lasts_s=300))
    assert is_ours
    assert direct("TTL", key) > 200


def test_a_beat_for_an_id_that_is_anothers_changes_nothing(store: Store, direct: Direct) -> None:
    mine = register(store, place(ELSEWHERE))
    beat(direct, ID, 1000)
    register(store, place())
    seen = direct("HGET", HEARTS, ID)
    is_ours, _ = store.run(claims.beat(KEYS, mine, "x", lasts_s=300))
    assert not is_ours
    assert direct("HGET", HEARTS, ID) == seen
    assert store.run(claims.renew(KEYS, mine, terms(own=lambda *_: True))) is False


def test_a_claim_that_ended_is_renewed_with_the_running_job(store: Store, direct: Direct) -> None:
    claim = register(store, place())
    direct("RPUSH", "resque:queue:q", '{"class":"A","args":[]}')
    taken = ask(store, claim)
    direct("DEL", f"resque:qtop:claim:{ID}")
    last = direct("HGET", HEARTS, ID)
    own = terms(own=lambda worker_id, beaten: (worker_id, beaten) == (ID, last))
    assert ask(store, claim).state == "lost"
    assert store.run(claims.renew(KEYS, claim, own)) is True
    again = ask(store, claim)
    assert (again.record, again.record is not None) == (taken.record, True)


def test_a_claim_that_ended_is_not_renewed_where_another_has_beaten_since(
    store: Store, direct: Direct
) -> None:
    claim = register(store, place())
    direct("DEL", f"resque:qtop:claim:{ID}")
    assert store.run(claims.renew(KEYS, claim, terms())) is False


def test_who_prunes_ends_the_claim(store: Store, direct: Direct) -> None:
    claim = register(store, place())
    hold(direct)
    [seen] = store.run(stale.evidence(KEYS, [ID]))
    assert store.run(pruning.take_off(KEYS, seen, times.wall_now)) == "failed"
    assert ask(store, claim).state == "lost"
    hold(direct)
    register(store, place(ELSEWHERE))
    direct("HDEL", HEARTS, ID)
    direct("SET", f"resque:qtop:claim:{ID}", "x")
    [seen] = store.run(stale.evidence(KEYS, [ID]))
    assert store.run(pruning.take_off(KEYS, seen, times.wall_now, requeue_lost=1)) == "put back"
    assert direct("EXISTS", f"resque:qtop:claim:{ID}") == 0


# ---- taking and closing


def test_a_record_that_another_wrote_under_the_id_is_never_run(
    store: Store, direct: Direct
) -> None:
    claim = register(store, place())
    direct("RPUSH", "resque:queue:q", '{"class":"B","args":[]}')
    hold(direct)
    taken = ask(store, claim)
    assert (taken.state, taken.record) == ("shared", None)
    assert direct("LLEN", "resque:queue:q") == 1
    assert direct("GET", f"resque:worker:{ID}") == RECORD


def test_closing_a_job_takes_no_other_record_away(store: Store, direct: Direct) -> None:
    claim = register(store, place())
    direct("RPUSH", "resque:queue:q", '{"class":"B","args":[]}')
    ask(store, claim)
    hold(direct)
    assert ask(store, claim, Closing()).state == "shared"
    assert direct("GET", f"resque:worker:{ID}") == RECORD
    assert direct("GET", "resque:stat:processed") == b"1"


def test_what_another_has_under_the_id_is_no_running_job(store: Store, direct: Direct) -> None:
    claim = register(store, place())
    assert store.run(claims.held(KEYS, claim)) == (None, 0)
    hold(direct)
    assert store.run(claims.held(KEYS, claim)) == (None, 0)
    direct("DEL", f"resque:worker:{ID}")
    direct("RPUSH", "resque:queue:q", '{"class":"B","args":[]}')
    taken = ask(store, claim)
    held = store.run(claims.held(KEYS, claim))
    assert held is not None
    assert held[0] == taken.record
    direct("DEL", f"resque:qtop:claim:{ID}")
    assert store.run(claims.held(KEYS, claim)) is None


def test_one_that_takes_a_job_is_on_the_register(store: Store, direct: Direct) -> None:
    claim = register(store, place())
    direct("RPUSH", "resque:queue:q", '{"class":"B","args":[]}')
    direct("DEL", "resque:workers")
    ask(store, claim)
    assert registered(direct) == [ID]


def test_one_that_is_put_back_on_the_register_gives_a_sign_of_life(
    store: Store, direct: Direct
) -> None:
    claim = register(store, place())
    direct("RPUSH", "resque:queue:q", '{"class":"B","args":[]}')
    direct("DEL", "resque:workers", HEARTS)
    ask(store, claim)
    [seen] = store.run(stale.evidence(KEYS, [ID]))
    assert seen.silent_s is not None
    assert abs(seen.silent_s) < 60
    assert direct("HGET", HEARTS, ID).endswith(b"+00:00")


# ---- leaving


def leave(store: Store, claim: Claim) -> bool:
    left = workers.left_behind(claim.worker_id, times.wall_now)
    return store.run(workers.unregister(KEYS, claim.worker_id, left, token=claim.token))


def test_who_leaves_takes_nothing_of_another_along(store: Store, direct: Direct) -> None:
    mine = register(store, place(ELSEWHERE))
    beat(direct, ID, 1000)
    register(store, place())
    hold(direct)
    assert leave(store, mine) is False
    assert registered(direct) == [ID]
    assert direct("GET", f"resque:worker:{ID}") == RECORD
    assert direct("EXISTS", f"resque:qtop:claim:{ID}", HEARTS, f"resque:worker:{ID}:started") == 3


def test_who_leaves_takes_no_record_along_that_another_wrote(store: Store, direct: Direct) -> None:
    mine = register(store, place())
    hold(direct)
    assert leave(store, mine) is False
    assert direct("GET", f"resque:worker:{ID}") == RECORD
    assert registered(direct) == [ID]
    assert direct("EXISTS", f"resque:qtop:claim:{ID}", "resque:failed") == 0


def test_who_leaves_leaves_no_key(store: Store, direct: Direct) -> None:
    assert leave(store, register(store, place())) is False
    assert direct("KEYS", "*") == []


# ---- processes


def test_a_place_is_known_where_the_system_reports_it() -> None:
    found = here()
    assert found == here()
    # A boot of a machine, and a space of process ids in it.
    assert found == "" or len(found.split(" ")) == 2


def test_a_worker_whose_id_is_borne_goes_by_another_and_harms_nothing(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    worker = start_worker(
        module="tests.support.programs.worker_with_old_id",
        ODD_PREDECESSOR=RECORD.decode(),
        ODD_IS_ALIVE="yes",
        RESQUE_REQUIRE=TURNS,
    )
    worker.await_ready()
    own_id = f"{socket.gethostname()}-2:{worker.pid}:default"
    assert registered(direct) == sorted([worker.id, own_id])
    push("Gate", "mine")
    await_begun(direct, 1)
    assert direct("EXISTS", f"resque:worker:{own_id}") == 1
    direct("SET", "own:open", "yes")
    eventually(lambda: stat(direct, "processed"), "the job is counted")
    push("FailJob", "x")
    eventually(lambda: failures(direct), "the next job fails")
    assert [entry["worker"] for entry in failures(direct)] == [own_id]
    assert worker.leave() == 0
    assert registered(direct) == [worker.id]
    assert direct("GET", f"resque:worker:{worker.id}") == RECORD
    assert direct("KEYS", f"*{own_id}*") == []


@pytest.mark.parametrize("env", [{}, {"JOBS_PER_FORK": "5"}, {"FORK_PER_JOB": "false"}])
def test_a_worker_that_lost_its_id_to_another_closes_its_job_under_a_new_one(
    direct: Direct, push: Push, start_worker: StartWorker, env: dict[str, str]
) -> None:
    push("Gate", "slow")
    worker = start_worker(RESQUE_REQUIRE=TURNS, RESQUE_HEARTBEAT_INTERVAL="0.05", **env)
    await_begun(direct, 1)
    # Another took it for dead: the job is on record as failed, and the id is the other's.
    other = f"{'8' * 32} {'-' * 40} elsewhere"
    direct("SET", f"resque:qtop:claim:{worker.id}", other)
    beat(direct, worker.id, 0)
    direct("SET", f"resque:worker:{worker.id}", RECORD)
    push("Where", "next")
    direct("SET", "own:open", "yes")
    await_begun(direct, 2)
    eventually(lambda: stat(direct, "processed") == 2, "both jobs are counted")
    assert worker.leave() == 0
    assert direct("GET", f"resque:worker:{worker.id}") == RECORD
    assert direct("GET", f"resque:qtop:claim:{worker.id}") == other.encode()
    assert registered(direct) == [worker.id]
    assert direct("EXISTS", "resque:queue:default", "resque:failed") == 0


@pytest.mark.parametrize("jobs_per_fork", ["1", "5"])
def test_a_job_whose_process_dies_after_the_claim_has_ended_fails_and_is_not_run_again(
    direct: Direct, push: Push, start_worker: StartWorker, jobs_per_fork: str
) -> None:
    push("Gate", "killed")
    worker = start_worker(RESQUE_REQUIRE=TURNS, JOBS_PER_FORK=jobs_per_fork)
    await_begun(direct, 1)
    # As a server does that is short of memory, or time in a long outage.
    direct("DEL", f"resque:qtop:claim:{worker.id}")
    worker.await_child().kill()
    direct("SET", "own:open", "yes")
    eventually(lambda: stat(direct, "processed"), "the job is counted")
    assert worker.leave() == 0
    assert [entry["exception"] for entry in failures(direct)] == ["Resque::DirtyExit"]
    assert registered(direct) == []


def test_a_worker_leaves_its_id_to_one_that_bears_it_without_a_claim(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    worker = start_worker(RESQUE_REQUIRE=TURNS)
    worker.await_ready()
    # As a worker of Ruby does that has the same host, pid and queues, and came later.
    direct("SET", f"resque:worker:{worker.id}", RECORD)
    push("Gate", "mine")
    await_begun(direct, 1)
    own_id = f"{socket.gethostname()}-2:{worker.pid}:default"
    assert direct("EXISTS", f"resque:worker:{own_id}") == 1
    direct("SET", "own:open", "yes")
    eventually(lambda: stat(direct, "processed") == 1, "the job is counted")
    assert worker.leave() == 0
    assert direct("GET", f"resque:worker:{worker.id}") == RECORD
    assert registered(direct) == [worker.id]


def test_a_worker_whose_claim_ended_while_it_waited_goes_on_under_its_id(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    worker = start_worker(INTERVAL="3600")
    eventually(lambda: ": Waiting for " in worker.title(), "the worker waits")
    direct("FLUSHALL")
    push("Note", "on")
    eventually(lambda: direct("LLEN", "trace") == 1, "the job is done")
    assert registered(direct) == [worker.id]
    assert worker.leave() == 0
    assert set(direct("KEYS", "*")) == {b"resque:queues", b"resque:stat:processed", b"trace"}


def test_a_job_of_a_worker_that_was_taken_off_the_register_is_found_after_its_death(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    worker = start_worker(RESQUE_REQUIRE=TURNS)
    worker.await_ready()
    for key in ("workers", f"worker:{worker.id}", f"worker:{worker.id}:started"):
        direct("DEL", f"resque:{key}")
    direct("HDEL", HEARTS, worker.id)
    push("Gate", "lost")
    await_begun(direct, 1)
    child = worker.await_child()
    worker.kill()
    child.kill()
    record = direct("GET", f"resque:worker:{worker.id}")
    assert json.loads(record)["payload"]["args"] == ["lost"]
    assert registered(direct) == [worker.id]


def test_of_two_containers_of_one_name_each_keeps_its_job_whatever_becomes_of_the_other(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    def start(where: str) -> WorkerProcess:
        worker = start_worker(
            module="tests.support.programs.worker_in_container",
            TWIN_WHERE=where,
            RESQUE_REQUIRE=TURNS,
        )
        worker.await_ready()
        return worker

    push("Gate", "first")
    first = start(HERE)
    await_begun(direct, 1)
    push("Gate", "second")
    second = start(ELSEWHERE)
    await_begun(direct, 2)
    names = ["twin-2:1:default", "twin:1:default"]
    assert registered(direct) == names
    child = first.await_child()
    first.kill()
    child.kill()
    direct("SET", "own:open", "yes")
    eventually(lambda: stat(direct, "processed") == 1, "the second job is done")
    assert second.leave() == 0
    assert registered(direct) == names[1:]
    assert failures(direct) == []
    # In the place of the first: its job was not lost, and is not run by the one that comes.
    third = start(HERE)
    assert [entry["payload"]["args"] for entry in failures(direct)] == [["first"]]
    assert third.leave() == 0
    assert direct("EXISTS", "resque:workers", "resque:workers:heartbeat") == 0
    assert direct("KEYS", "*twin*") == []

"""What an operator does to Sidekiq touches exactly what the plan named, says so in numbers, and is
taken back to the byte."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from tests.support.direct import Direct
from tests.support.golden import restore
from tests.support.sidekiq_jobs import KEYS, NOON_S, failed_job, fill_queue, fill_set, job
from tests.support.sidekiq_processes import beat, crash, work
from tests.support.sidekiq_selections import DEAD, FAILED, RETRY, SCHEDULED, Operating

from qtop.actions.plan import Refusal
from qtop.actions.request import (
    Clear,
    Delete,
    Edit,
    Enqueue,
    Kill,
    Load,
    Move,
    OfJobs,
    Pause,
    PauseAll,
    Prune,
    Register,
    Reorder,
    Replace,
    Request,
    Requeue,
    Reschedule,
    RunNow,
    RunSchedules,
    Signal,
)
from qtop.actions.stopping import reined
from qtop.config.limits import UndoLimits
from qtop.model.fleet import Process
from qtop.model.job import JobSource
from qtop.systems.sidekiq.permissions import ACTION_SCRIPTS, commands, forbidden
from qtop.systems.sidekiq.rescuing import gather, process_runs
from queuecore.address import parse_url
from queuecore.errors import EncodeError, NoClassError, NoQueueError
from queuecore.exchange import Exchange, drive
from queuecore.stores import Store
from queuecore.values import replace
from queuecore.windows import sha_of
from sidekiq.keys import SidekiqKeys
from sidekiq.store import processes, rescue
from sidekiq.store.work_memory import WorkMemory, fed, look

pytestmark = pytest.mark.redis
LATER = datetime(2030, 1, 1, tzinfo=UTC)
IDLE = JobSource("queue", "idle")
VERSIONS = ["v5.2.10", "v6.4.1-namespaced", "v8.1.7"]


@pytest.fixture
def operating(redis_url: str, direct: Direct) -> Iterator[Operating]:
    """An operator of an empty database."""
    with Store(parse_url(redis_url)) as store:
        yield Operating(store, direct)


def recorded(operating: Operating, version: str) -> Operating:
    """The same on the recorded state of a running Sidekiq with retries, dead and scheduled jobs."""
    restore(operating.direct, f"sidekiq/{version}-2-running")
    keys = SidekiqKeys("app" if version.endswith("namespaced") else "")
    return Operating(operating.store, operating.direct, keys)


ACTIONS: dict[str, tuple[JobSource, Callable[..., OfJobs]]] = {
    "retry now": (RETRY, Requeue),
    "retry dead ones": (DEAD, Requeue),
    "retry all that failed": (FAILED, Requeue),
    "retry elsewhere": (FAILED, partial(Requeue, to="other")),
    "move failed ones": (FAILED, partial(Move, to="other")),
    "delete retries": (RETRY, Delete),
    "delete dead ones": (DEAD, Delete),
    "delete all that failed": (FAILED, Delete),
    "delete scheduled ones": (SCHEDULED, Delete),
    "delete waiting ones": (IDLE, Delete),
    "move waiting ones": (IDLE, partial(Move, to="other")),
    "move scheduled ones": (SCHEDULED, partial(Move, to="other")),
    "edit failed ones": (FAILED, partial(Edit, args=b"[7]")),
    "edit scheduled ones": (SCHEDULED, partial(Edit, class_name="Other", to="other")),
    "edit waiting ones": (IDLE, partial(Edit, args=b"[7]")),
    "edit and move waiting ones": (IDLE, partial(Edit, args=b"[7]", to="other")),
    "run now": (SCHEDULED, RunNow),
    "reschedule": (SCHEDULED, partial(Reschedule, at=LATER)),
    "reschedule retries": (RETRY, partial(Reschedule, at=LATER)),
    "kill retries": (RETRY, Kill),
    "kill scheduled ones": (SCHEDULED, Kill),
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ACTIONS)
def test_every_action_does_what_its_plan_named_and_is_taken_back_to_the_byte(
    operating: Operating, name: str, version: str
) -> None:
    on = recorded(operating, version)
    source, make = ACTIONS[name]
    before, request = on.state(), on.chosen(source, make)
    many = len(request.chosen.refs)
    plan = on.plan(request)
    assert (plan.many, plan.danger) == (many, "confirm" if many > 1 else plan.danger)
    outcome = on.do(request)
    assert (outcome.done, outcome.gone, outcome.refused) == (many, 0, ())
    assert on.state() != before
    back = on.undo(outcome)
    assert (back.done, back.gone) == (many, 0)
    assert on.state() == before


def test_only_those_that_were_chosen_are_touched(operating: Operating) -> None:
    entries = {failed_job(n): NOON_S for n in range(20)}
    fill_set(operating.direct, KEYS.jobs("retry"), entries)
    some = operating.jobs(RETRY)[3:8]
    assert operating.do(operating.chosen(RETRY, Delete, some)).done == 5
    left = {each.item.raw for each in operating.jobs(RETRY)}
    assert left == entries.keys() - {each.item.raw for each in some}


def test_what_a_poller_took_meanwhile_is_gone_and_comes_back_to_no_second_place(
    operating: Operating,
) -> None:
    entries = {failed_job(n): NOON_S + n for n in range(600)}
    fill_set(operating.direct, KEYS.jobs("retry"), entries)
    taken: list[bytes] = []
    request = operating.chosen(RETRY, Requeue)

    def poll(step: Exchange[Any]) -> None:
        if len(taken) < 40:
            low = operating.direct("ZPOPMIN", KEYS.jobs("retry"))
            taken.extend(low[::2])

    outcome = operating.do(request, poll)
    pushed = operating.direct("LRANGE", KEYS.queue("default"), 0, -1)
    assert outcome.done == len(pushed)
    assert outcome.done + outcome.gone == 600
    assert outcome.gone == sum(each in entries for each in taken)
    back = operating.undo(outcome)
    assert back.done == outcome.done
    now = operating.state()["retry"]
    assert now == {raw: at for raw, at in entries.items() if raw not in taken}


def test_beside_a_poller_each_job_is_in_one_place(operating: Operating, redis_url: str) -> None:
    entries = {failed_job(n): NOON_S + n for n in range(1500)}
    fill_set(operating.direct, KEYS.jobs("retry"), entries)
    request, is_over, taken = operating.chosen(RETRY, Requeue), threading.Event(), list[bytes]()

    def poll() -> None:
        with Direct(str(parse_url(redis_url).path)) as direct:
            while not is_over.is_set() and (low := direct("ZPOPMIN", KEYS.jobs("retry"))):
                taken.append(low[0])

    poller = threading.Thread(target=poll)
    poller.start()
    try:
        outcome = operating.do(request)
    finally:
        is_over.set()
        poller.join()
    pushed = operating.direct("LRANGE", KEYS.queue("default"), 0, -1)
    assert (outcome.done, outcome.gone) == (len(pushed), len(taken))
    numbers = sorted(json.loads(raw)["args"][0] for raw in [*pushed, *taken])
    assert numbers == list(range(1500))


def test_a_job_too_large_to_be_listed_is_taken_whole(operating: Operating) -> None:
    large = failed_job(1, args=["x" * 200_000])
    fill_set(operating.direct, KEYS.jobs("retry"), {large: 1.0})
    before = operating.state()
    outcome = operating.do(operating.chosen(RETRY, Requeue))
    assert outcome.done == 1
    pushed = json.loads(operating.direct("LINDEX", KEYS.queue("default"), 0))
    assert pushed["args"] == ["x" * 200_000]
    operating.undo(outcome)
    assert operating.state() == before


def test_an_action_is_stopped_between_two_steps_and_what_it_did_is_taken_back(
    operating: Operating,
) -> None:
    fill_set(operating.direct, KEYS.jobs("retry"), {failed_job(n): 1.0 + n for n in range(600)})
    fill_set(operating.direct, KEYS.jobs("dead"), {failed_job(n): 1.0 for n in range(600, 620)})
    before, plan = operating.state(), operating.plan(operating.chosen(FAILED, Requeue))
    pace = plan.pace
    assert pace is not None
    pace.jobs_per_s = 400.0

    def run(step: Exchange[Any]) -> Any:
        pace.is_stopped = pace.is_stopped or step.writes
        return operating.store.run(step)

    outcome = drive(reined(plan.run(), pace), run)
    assert (outcome.done, outcome.left, outcome.gone) == (100, 520, 0)
    assert operating.undo(outcome).done == 100
    assert operating.state() == before


def test_progress_goes_on_from_one_set_to_the_next(operating: Operating) -> None:
    fill_set(operating.direct, KEYS.jobs("retry"), {failed_job(n): 1.0 + n for n in range(300)})
    fill_set(operating.direct, KEYS.jobs("dead"), {failed_job(n): 1.0 for n in range(300, 320)})
    seen: list[tuple[int, int]] = []

    def note(step: Exchange[Any]) -> None:
        seen.extend([] if step.progress is None else [step.progress])

    assert operating.do(operating.chosen(FAILED, Delete), note).done == 320
    assert seen == sorted(seen)
    assert {of for _, of in seen} == {320}
    assert seen[-1][0] >= 300


def test_where_the_processes_are_not_known_times_are_seconds(operating: Operating) -> None:
    operating.direct("SET", KEYS.processes(), "no set")
    fill_set(operating.direct, KEYS.jobs("dead"), {failed_job(1): 1.0})
    assert operating.do(operating.chosen(DEAD, Requeue)).done == 1
    pushed = json.loads(operating.direct("LINDEX", KEYS.queue("default"), 0))
    assert isinstance(pushed["enqueued_at"], float)


def test_what_a_worker_took_is_not_taken_back(operating: Operating) -> None:
    fill_set(operating.direct, KEYS.jobs("dead"), {failed_job(n): NOON_S for n in range(3)})
    outcome = operating.do(operating.chosen(DEAD, Requeue))
    operating.direct("RPOP", KEYS.queue("default"))
    back = operating.undo(outcome)
    assert (back.done, back.gone) == (2, 1)
    assert len(operating.jobs(DEAD)) == 2


def test_what_is_no_job_is_only_deleted_and_the_preview_counts_it(operating: Operating) -> None:
    entries = {b"no json": 1.0, b'{"class":7,"args":[]}': 2.0, failed_job(1): 3.0}
    fill_set(operating.direct, KEYS.jobs("retry"), entries)
    requeue = operating.chosen(RETRY, Requeue)
    assert requeue.chosen.refusals.total() == 2
    assert any(line.startswith("Refused: 1") for line in operating.plan(requeue).details)
    outcome = operating.do(requeue)
    assert (outcome.done, sum(n for _, n in outcome.refused)) == (1, 2)
    assert operating.do(operating.chosen(RETRY, Kill)).done == 1  # an object, if of no class
    assert operating.do(operating.chosen(RETRY, Delete)).done == 1


def test_the_dead_are_neither_killed_nor_tried_again_later(operating: Operating) -> None:
    fill_set(operating.direct, KEYS.jobs("dead"), {failed_job(1): 1.0})
    for make in (Kill, partial(Reschedule, at=LATER)):
        assert isinstance(operating.prepare(operating.chosen(DEAD, make)), Refusal)
    fill_set(operating.direct, KEYS.jobs("retry"), {failed_job(2): 1.0})
    request = operating.chosen(FAILED, Kill)
    assert (operating.plan(request).many, request.chosen.refusals.total()) == (1, 1)
    outcome = operating.do(request)
    assert (outcome.done, [n for _, n in outcome.refused]) == (1, [1])
    assert len(operating.jobs(DEAD)) == 2


@pytest.mark.parametrize(
    ("source", "make"),
    [
        (IDLE, Requeue),
        (IDLE, Kill),
        (IDLE, partial(Reschedule, at=LATER)),
        (JobSource("failed", "copies"), Requeue),
        (JobSource("unreadable", "q"), Delete),
    ],
)
def test_what_makes_no_sense_is_refused(
    operating: Operating, source: JobSource, make: Callable[..., Any]
) -> None:
    assert isinstance(operating.prepare(operating.chosen(source, make, ())), Refusal)


@pytest.mark.parametrize(
    "request_",
    [
        Pause(("q",)),
        PauseAll(),
        Register("queue", "q"),
        Reorder(),
        RunSchedules(()),
        Load(RETRY, (), 0),
        Load(SCHEDULED, (), 0),
        Load(FAILED, (), 0),
        Clear(JobSource("failed", "copies")),
    ],
)
def test_what_sidekiq_cannot_do_is_refused_with_the_reason(
    operating: Operating, request_: Request
) -> None:
    refusal = operating.prepare(request_)
    assert isinstance(refusal, Refusal)
    assert refusal.text


@pytest.mark.parametrize(
    ("member", "word"),
    [("bid", "batch"), ("unique_for", "lock"), ("lock_digest", "lock"), ("unique_digest", "lock")],
)
def test_the_question_says_what_hangs_on_a_job(
    operating: Operating, member: str, word: str
) -> None:
    fill_set(operating.direct, KEYS.jobs("retry"), {failed_job(1, **{member: "x"}): 1.0})
    for make in (Delete, Kill, partial(Move, to="q"), partial(Edit, args=b"[]")):
        plan = operating.plan(operating.chosen(RETRY, make))
        assert plan.danger == "confirm"
        assert any(word in line for line in plan.details)
    assert operating.plan(operating.chosen(RETRY, Requeue)).danger == "undoable"


def test_times_are_milliseconds_only_where_every_process_reads_them(operating: Operating) -> None:
    def pushed(*versions: str) -> Any:
        operating.direct("FLUSHALL")
        for number, version in enumerate(versions):
            beat(operating.direct, f"h:{number}:0123456789ab", version=version)
        fill_set(operating.direct, KEYS.jobs("dead"), {failed_job(1): 1.0})
        operating.do(operating.chosen(DEAD, Requeue))
        return json.loads(operating.direct("LINDEX", KEYS.queue("default"), 0))["enqueued_at"]

    assert isinstance(pushed("8.1.7", "8.0.0"), int)
    assert isinstance(pushed("8.1.7", "7.3.2"), float)
    assert isinstance(pushed(), float)


def test_an_undo_that_would_keep_too_much_is_refused_and_said(operating: Operating) -> None:
    fill_set(operating.direct, KEYS.jobs("retry"), {failed_job(1): 1.0})
    operating.limits = UndoLimits(most_bytes=10)
    request = operating.chosen(RETRY, Delete)
    assert operating.plan(request).no_undo is not None
    assert operating.plan(request).danger == "confirm"
    assert operating.do(request).undoable is None


def test_a_waiting_job_is_edited_where_it_is(operating: Operating) -> None:
    fill_queue(operating.direct, "idle", [job(n, queue="idle") for n in range(3)])
    before, new = operating.state(), job(9, queue="idle")
    outcome = operating.do(Replace(IDLE, operating.jobs(IDLE)[1], new))
    assert [each.item.raw for each in operating.jobs(IDLE)][1] == new
    operating.undo(outcome)
    assert operating.state() == before


# Whole lists.


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("source", [IDLE, RETRY, DEAD, FAILED, SCHEDULED], ids=str)
def test_a_list_is_cleared_of_what_was_there_and_comes_back(
    operating: Operating, source: JobSource, version: str
) -> None:
    on = recorded(operating, version)
    before, many = on.state(), len(on.jobs(source))
    plan = on.plan(Clear(source))
    assert (plan.many, plan.danger) == (many, "typed")
    outcome = on.do(Clear(source))
    assert (outcome.done, on.jobs(source)) == (many, [])
    assert on.undo(outcome).done == many
    assert on.state() == before


def test_what_comes_after_the_question_stays(operating: Operating) -> None:
    fill_queue(operating.direct, "idle", [job(1)])
    fill_set(operating.direct, KEYS.jobs("dead"), {failed_job(1): 1.0})
    plans = [operating.plan(Clear(source)) for source in (IDLE, DEAD)]
    operating.direct("LPUSH", KEYS.queue("idle"), job(2))
    operating.direct("ZADD", KEYS.jobs("dead"), 1, failed_job(2))
    assert [operating.store.run(plan.run()).done for plan in plans] == [1, 1]
    left = {"queues": [b"idle"], "queue:idle": [job(2)], "dead": {failed_job(2): 1.0}}
    assert operating.state() == left


def test_the_name_of_an_empty_queue_is_removed_and_comes_back(operating: Operating) -> None:
    operating.direct("SADD", KEYS.queues(), "idle")
    outcome = operating.do(Clear(IDLE, removes=True))
    assert (outcome.done, operating.state()) == (1, {})
    operating.undo(outcome)
    assert operating.state() == {"queues": [b"idle"]}


# New jobs, and jobs from files.


def test_a_new_job_is_as_a_client_writes_it(operating: Operating) -> None:
    assert operating.do(Enqueue("Hard", [1, {"a": None}], "mail")).done == 1
    written = json.loads(operating.direct("LINDEX", KEYS.queue("mail"), 0))
    assert operating.direct("SMEMBERS", KEYS.queues()) == [b"mail"]
    assert len(bytes.fromhex(written.pop("jid"))) == 12
    assert isinstance(written.pop("created_at"), float)
    assert isinstance(written.pop("enqueued_at"), float)
    assert written == {"retry": True, "queue": "mail", "class": "Hard", "args": [1, {"a": None}]}


def test_a_new_job_is_scheduled(operating: Operating) -> None:
    assert operating.do(Enqueue("Hard", [], "mail", LATER.timestamp())).done == 1
    [(raw, at)] = operating.state()["schedule"].items()
    assert at == LATER.timestamp()
    assert "enqueued_at" not in json.loads(raw)


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (Enqueue("", [], "q"), NoClassError),
        (Enqueue("A", [], ""), NoQueueError),
        (Enqueue("A", ["\udc80"], "q"), EncodeError),
        (Enqueue("A", [], "\udc80"), EncodeError),
    ],
)
def test_what_no_client_would_enqueue_is_refused(
    operating: Operating, request_: Enqueue, error: type[Exception]
) -> None:
    with pytest.raises(error):
        operating.prepare(request_)


def test_jobs_of_a_file_go_to_the_back_in_their_order(operating: Operating) -> None:
    fill_queue(operating.direct, "idle", [job(0)])
    items = [job(1), b"no json", job(2)]
    outcome = operating.do(Load(IDLE, items, 3))
    assert (outcome.done, [n for _, n in outcome.refused]) == (2, [1])
    assert [each.item.raw for each in operating.jobs(IDLE)] == [
        job(0),
        job(1, queue="idle"),
        job(2, queue="idle"),
    ]


def test_a_file_of_dead_jobs_is_loaded_once(operating: Operating) -> None:
    items = [failed_job(1), failed_job(2)]
    fill_set(operating.direct, KEYS.jobs("dead"), {failed_job(1): 5.0})
    outcome = operating.do(Load(DEAD, items, 2))
    assert (outcome.done, [n for _, n in outcome.refused]) == (1, [1])
    assert operating.state()["dead"][failed_job(1)] == 5.0
    assert outcome.undoable is None


# Processes.

ALIVE, DEAD_ONE = "host:1:0123456789ab", "host:2:0123456789ab"


def running(operating: Operating) -> tuple[Process, ...]:
    return operating.store.run(processes.read(KEYS))


@pytest.mark.parametrize(
    ("wish", "signal"),
    [("finish", b"TERM"), ("stop now", b"TERM"), ("pause", b"TSTP"), ("dump", b"TTIN")],
)
def test_a_signal_waits_for_its_process_until_it_is_taken_back(
    operating: Operating, wish: Any, signal: bytes
) -> None:
    beat(operating.direct, ALIVE)
    told: list[str] = []
    outcome = operating.do(Signal(running(operating), wish, told.append))
    assert (outcome.done, told) == (1, [ALIVE])
    assert operating.direct("LRANGE", KEYS.signals(ALIVE), 0, -1) == [signal]
    assert operating.undo(outcome).done == 1
    assert operating.direct("EXISTS", KEYS.signals(ALIVE)) == 0


@pytest.mark.parametrize("wish", ["end job", "resume"])
def test_what_no_signal_does_is_refused(operating: Operating, wish: Any) -> None:
    beat(operating.direct, ALIVE)
    assert isinstance(operating.prepare(Signal(running(operating), wish)), Refusal)


def test_a_process_that_takes_no_signal_is_refused_or_counted(operating: Operating) -> None:
    beat(operating.direct, ALIVE, embedded=True)
    operating.direct("SADD", KEYS.processes(), DEAD_ONE)
    assert isinstance(operating.prepare(Signal(running(operating), "finish")), Refusal)
    beat(operating.direct, "host:3:0123456789ab")
    request = Signal(running(operating), "finish")
    assert operating.plan(request).many == 1
    outcome = operating.do(request)
    assert (outcome.done, outcome.gone, sum(n for _, n in outcome.refused)) == (1, 0, 2)


def crashed(operating: Operating, *jobs: bytes, identity: str = DEAD_ONE) -> WorkMemory:
    """What is remembered of a process that ran jobs and died."""
    beat(operating.direct, identity)
    work(operating.direct, identity, {f"t{n}": raw for n, raw in enumerate(jobs)})
    memory = fed(WorkMemory(), operating.store.run(look(KEYS, WorkMemory())))
    crash(operating.direct, identity)
    return memory


def test_lost_jobs_go_back_to_the_front_once_whoever_asks(operating: Operating) -> None:
    fill_queue(operating.direct, "q", [job(9)])
    memory = crashed(operating, job(1), job(2))
    before = operating.state()
    cases = operating.store.run(gather(KEYS, memory))
    assert [(each.doubt, each.fate(0)) for each in cases] == [(None, "put back")]
    told: list[str] = []
    request = Prune(cases, tell=lambda case, fate: told.append(fate))
    assert operating.plan(request).many == 2
    first, second = operating.do(request), operating.do(request)
    assert (first.done, second.done, second.gone, told) == (2, 0, 2, ["put back", "idle"])
    assert {*operating.direct("LRANGE", KEYS.queue("q"), -2, -1)} == {job(1), job(2)}
    assert operating.store.run(gather(KEYS, memory))[0].fate(0) == "idle"
    assert operating.undo(first).done == 2
    assert operating.state() == before


def test_a_lost_job_that_is_elsewhere_is_not_offered(operating: Operating) -> None:
    memory = crashed(operating, job(1), job(2))
    fill_set(operating.direct, KEYS.jobs("retry"), {job(1): 1.0})
    [case] = operating.store.run(gather(KEYS, memory))
    assert [each.job.raw for each in case.sure] == [job(2)]
    assert "retry" in case.kept[0][0]
    assert operating.do(Prune((case,))).done == 1


def test_jobs_of_a_living_process_are_never_put_back(operating: Operating) -> None:
    memory = crashed(operating, job(1))
    cases = operating.store.run(gather(KEYS, memory))
    beat(operating.direct, DEAD_ONE)
    outcome = operating.do(Prune(cases))
    assert (outcome.done, [n for _, n in outcome.refused]) == (0, [1])
    [alive] = operating.store.run(gather(KEYS, memory, [DEAD_ONE]))
    assert alive.doubt is not None
    assert isinstance(operating.prepare(Prune((alive,), forces=True)), Refusal)


def test_where_nobody_saw_it_die_only_who_insists_rescues(operating: Operating) -> None:
    memory = crashed(operating, job(1))
    operating.direct("SREM", KEYS.processes(), DEAD_ONE)
    cases = operating.store.run(gather(KEYS, memory))
    assert cases[0].doubt is not None
    assert isinstance(operating.prepare(Prune(cases)), Refusal)
    assert operating.plan(Prune(cases, forces=True)).danger == "typed"
    assert operating.do(Prune(cases, forces=True)).done == 1
    json.dumps(dict(cases[0].fields), default=str)


# Rights.


def test_equal_jobs_of_a_process_are_told_apart_by_number_and_thread(operating: Operating) -> None:
    memory = crashed(operating, job(1), job(1))
    [case] = operating.store.run(gather(KEYS, memory))
    _, first, second = case.lines
    assert (first[:2], second[:2]) == ("1.", "2.")
    assert {"thread t0" in first, "thread t0" in second} == {True, False}
    plan = operating.plan(Prune((case,)))
    assert {first, second} <= {*"\n".join(plan.details).split("\n")}
    assert [each["thread"] for each in case.fields["lost_jobs"]] == ["t0", "t1"]


def test_a_process_that_still_runs_here_is_not_believed_dead(operating: Operating) -> None:
    here = f"{socket.gethostname()}:{os.getpid()}:0123456789ab"
    memory = crashed(operating, job(1), identity=here)
    [case] = operating.store.run(gather(KEYS, memory))
    assert (case.process_runs, case.doubt is None) == (True, False)
    assert isinstance(operating.prepare(Prune((case,))), Refusal)
    [case] = operating.store.run(gather(KEYS, memory, ignore_pids=True))
    assert case.doubt is None
    # One that began later is another process with the same number.
    [gone] = rescue.lost(fed(memory, operating.store.run(look(KEYS, memory))))
    assert process_runs(replace(gone, seen=datetime(2001, 1, 1, tzinfo=UTC))) is False
    assert process_runs(replace(gone, identity="other:1:0123456789ab")) is None


def forbidden_with(url: str, *rights: str) -> dict[str, str]:
    path = parse_url(url).path
    assert path is not None
    with Direct(path) as direct:
        direct("ACL", "SETUSER", "ada", "on", ">pw", "~*", "&*", *rights)
        try:
            with Store(f"unix://ada:pw@{path}?db=0") as store:
                return store.run(forbidden(KEYS))
        finally:
            direct("ACL", "DELUSER", "ada")


def test_a_right_that_is_missing_forbids_the_actions_that_need_it(redis_url: str) -> None:
    every = {action for actions in ACTION_SCRIPTS.values() for action in actions}
    assert forbidden_with(redis_url, "+@all") == {}
    assert forbidden_with(redis_url, "+@read", "+@connection").keys() == every
    found = forbidden_with(redis_url, "+@all", "-zrem")
    assert {"requeue", "kill", "drop", "clear_failures", "undo"} <= found.keys()
    assert not {"clear_queue", "stop_worker", "delete_jobs"} & found.keys()
    assert all({"EVAL", "EVALSHA"} <= commands(action) for action in every)


def test_the_chosen_are_named_by_their_sets_scores_and_bytes(operating: Operating) -> None:
    fill_set(operating.direct, KEYS.jobs("retry"), {failed_job(1): 2.5})
    [each] = operating.jobs(FAILED)
    assert each.id == sha_of(failed_job(1))

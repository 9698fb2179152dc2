"""Lists that were left turned are an incident of the console, and put in order by a command."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.direct import Direct
from tests.support.sidekiq_jobs import KEYS as SIDEKIQ_KEYS
from tests.support.sidekiq_jobs import fill_queue, job
from tests.support.turned_lists import leave_turned

from qtop.actions.plan import Operator, Refusal
from qtop.actions.request import Delete, Reorder
from qtop.config.limits import USUAL, UndoLimits
from qtop.model.job import JobSource
from qtop.monitor.incidents.server import server_incidents
from qtop.search.selection import Selection
from qtop.systems.resque import turnable
from qtop.systems.resque.actions import ResqueActions
from qtop.systems.resque.health import look
from qtop.systems.resque.system import ResqueSystem
from qtop.systems.sidekiq import health as sidekiq_health
from qtop.systems.sidekiq.actions import SidekiqActions
from qtop.systems.sidekiq.signal_watch import SignalWatch
from qtop.systems.turned_lists import judge
from queuecore import turning
from queuecore.action_record import Actor
from queuecore.bulk import JobRef, JobRefs
from queuecore.exchange import drive
from queuecore.stores import Store
from queuecore.turning import Turned
from queuecore.windows import sha_of
from resque.errors import AuthRefused
from resque.keys import Keys

KEYS = Keys()
FAILED = JobSource("failed", "failed")
ME = Operator(Actor("ada@here", "qtop"), UndoLimits())
ACTIONS = ResqueActions(KEYS, ME, ResqueSystem.abilities)


@pytest.fixture
def store(redis_url: str) -> Iterator[Store]:
    with Store(redis_url) as opened:
        yield opened


def fill(direct: Direct, key: bytes) -> None:
    direct("RPUSH", key, *map(str, range(10)))


def test_a_list_whose_owner_is_alive_is_being_changed_and_nothing_is_wrong() -> None:
    found = judge([(FAILED, Turned(3, 7, idle_s=1.0))], 5, "others")
    assert (found.level, found.remedy) == ("OK", "")
    assert "being changed: failed" in found.text


def test_of_many_lists_that_were_left_turned_three_are_named() -> None:
    left = [(JobSource("queue", f"q{each}"), Turned(3, 7, idle_s=60.0)) for each in range(5)]
    found = judge([*left, (FAILED, Turned(3, 7, idle_s=1.0))], 9, "others")
    assert found.level == "WARN"
    assert "queue:q2 was left turned" in found.text
    assert "and 2 more" in found.text
    assert "failed" not in found.text
    assert found.remedy == "qtop reorder queue:q0"


@pytest.mark.redis
@pytest.mark.parametrize(
    ("name", "key"), [("queue:mail", KEYS.queue("mail")), ("delayed:5", KEYS.delayed("5"))]
)
def test_the_console_tells_of_a_list_that_was_left_turned_and_of_the_command_for_it(
    direct: Direct, store: Store, name: str, key: bytes
) -> None:
    direct("ZADD", KEYS.delayed_schedule(), 5, "5")
    fill(direct, key)
    leave_turned(direct, key, 3)
    report = store.run(look(KEYS, ["mail"]))
    incidents = server_incidents(report, None, USUAL)
    incident = next(each for each in incidents if each.kind == "order")
    assert (incident.check, incident.severity) == ("keys", "warn")
    assert incident.advice == f"qtop reorder {name}"
    store.run(turning.settled(KEYS, key))
    report = store.run(look(KEYS, ["mail"]))
    assert not [each for each in server_incidents(report, None, USUAL) if each.kind == "order"]


def test_what_may_not_be_asked_is_unknown() -> None:
    steps = turnable.glance(KEYS, ["mail"])
    next(steps)
    with pytest.raises(StopIteration) as ended:
        steps.throw(AuthRefused("this user lacks a right"))
    assert ended.value.value.level == "UNKNOWN"


@pytest.mark.redis
def test_a_list_that_another_program_took_over_meanwhile_is_left_alone(
    direct: Direct, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = KEYS.failed()
    fill(direct, key)
    leave_turned(direct, key, 3)
    plan = store.run(ACTIONS.prepare(Reorder((FAILED,))))
    assert not isinstance(plan, Refusal)
    turned = direct("LRANGE", key, 0, -1)
    # From here on it counts as alive.
    monkeypatch.setattr(turning, "GRACE_S", 1e9)
    outcome = store.run(plan.run())
    assert (outcome.done, outcome.gone) == (0, 1)
    assert direct("LRANGE", key, 0, -1) == turned
    refused = store.run(ACTIONS.prepare(Reorder((FAILED,))))
    assert isinstance(refused, Refusal)
    assert "another program changes failed" in refused.text


@pytest.mark.redis
def test_the_console_tells_of_a_queue_of_sidekiqs_that_was_left_turned(
    direct: Direct, store: Store
) -> None:
    fill_queue(direct, "mail", [job(number) for number in range(10)])
    leave_turned(direct, SIDEKIQ_KEYS.queue("mail"), 3, "head")
    report = store.run(sidekiq_health.look(SIDEKIQ_KEYS, ["mail"], ()))
    [incident] = [each for each in server_incidents(report, None, USUAL) if each.kind == "order"]
    assert (incident.severity, incident.advice) == ("warn", "qtop reorder queue:mail")
    assert "Sidekiq" in incident.text
    store.run(turning.settled(SIDEKIQ_KEYS, SIDEKIQ_KEYS.queue("mail"), "head"))
    report = store.run(sidekiq_health.look(SIDEKIQ_KEYS, ["mail"], ()))
    assert not [each for each in server_incidents(report, None, USUAL) if each.kind == "order"]


@pytest.mark.parametrize(("deep", "is_told"), [(True, True), (False, False)])
def test_a_plan_says_what_workers_see_while_a_long_queue_is_turned(
    deep: bool, is_told: bool
) -> None:
    first = turning.SHALLOW_ITEMS if deep else 0
    refs = JobRefs()
    for place in range(first, first + 2 * turning.FEW_ITEMS):
        refs.add(JobRef(place, sha_of(b"%d" % place)))
    for system in (
        ResqueActions(KEYS, ME, ResqueSystem.abilities),
        SidekiqActions(SIDEKIQ_KEYS, ME, SignalWatch(SIDEKIQ_KEYS)),
    ):
        plan = drive(system.prepare(Delete(JobSource("queue", "mail"), Selection(refs))), unasked)
        assert not isinstance(plan, Refusal)
        assert ("jobs of the queue" in plan.meanwhile) is is_told
        assert ("jobs of the queue" in " ".join(plan.details)) is is_told


def unasked(exchange: object) -> None:
    raise AssertionError(f"a preview of jobs that were chosen asks for {exchange}")

"""The hooks around enqueueing, scheduling and dequeueing, and jobs performed inline."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support import golden
from tests.support.direct import Direct
from tests.support.operations import contents

from resque import DontPerform, Job, Registry, Resque, UnknownJob, job
from resque.errors import NeverRan

NAMES = Registry()
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = NOW.timestamp() + 60
said: list[str] = []


def says(text: str, answer: Any = None) -> staticmethod[..., Any]:
    """A hook or a job that says that it ran, and with which arguments."""

    def hook(*args: Any) -> Any:
        shown = [arg for arg in args if not callable(arg)]
        said.append(f"{text}({json.dumps(shown)}) other")
        return answer

    return staticmethod(hook)


def around(text: str) -> staticmethod[..., Any]:
    def hook(*args: Any) -> None:
        said.append(f"{text}>")
        args[-1]()
        said.append(f"{text}<")

    return staticmethod(hook)


class Hooked(Job, into=NAMES):
    """The hooks of the recordings, in another order than that in which they run."""

    queue = "default"
    name = "Hooked"

    @staticmethod
    def perform(how: str, *rest: Any) -> None:
        said.append(f"perform({how})")

    before_enqueue_z = says("before_enqueue_z")
    before_enqueue = says("before_enqueue")
    before_enqueue_a = says("before_enqueue_a", 0)
    after_enqueue_b = says("after_enqueue_b", False)
    after_enqueue_a = says("after_enqueue_a")
    after_enqueue = says("after_enqueue")
    before_schedule_b = says("before_schedule_b")
    before_schedule_a = says("before_schedule_a", "")
    after_schedule = says("after_schedule")
    before_perform = says("before_perform")
    before_performX = says("before_performX")
    before_perform_z = says("before_perform_z")
    before_perform_a = says("before_perform_a")
    around_perform_b = around("around_b")
    around_perform_a = around("around_a")
    after_perform = says("after_perform")
    after_perform_b = says("after_perform_b")
    after_perform_a = says("after_perform_a")


class Vetoed(Hooked, into=NAMES):
    name = "Vetoed"
    before_enqueue_a = says("veto", False)
    before_schedule_a = says("veto", False)
    before_dequeue_a = says("before_dequeue_a", False)
    after_dequeue_a = says("after_dequeue_a")


@pytest.fixture
def resque(redis_url: str, direct: Direct) -> Iterator[Resque]:
    said.clear()
    client = Resque(redis_url, registry=NAMES, clock=lambda: NOW)
    yield client
    client.close()


def spoken() -> list[str]:
    return [line.partition("(")[0] for line in said]


def test_hooks_around_an_enqueue_run_in_the_order_of_their_names(
    resque: Resque, direct: Direct
) -> None:
    assert resque.enqueue(Hooked, "x") is True
    before = ["before_enqueue", "before_enqueue_a", "before_enqueue_z"]
    assert spoken() == [*before, "after_enqueue", "after_enqueue_a", "after_enqueue_b"]
    assert direct("LRANGE", "resque:queue:default", 0, -1) == [b'{"class":"Hooked","args":["x"]}']


@pytest.mark.parametrize(
    "attempt",
    [
        lambda resque: resque.enqueue(Vetoed),
        lambda resque: resque.enqueue_to("other", Vetoed),
        lambda resque: resque.enqueue_many([(Vetoed, []), (Vetoed, [1])]),
        lambda resque: resque.enqueue_at(NOW, Vetoed),
        lambda resque: resque.enqueue_at_to("other", 5, Vetoed),
        lambda resque: resque.enqueue_in(-1, Vetoed),
        lambda resque: resque.enqueue_at(LATER, Vetoed),
        lambda resque: resque.enqueue_in(60, Vetoed),
    ],
)
def test_a_veto_writes_nothing_and_all_hooks_before_still_run(
    resque: Resque, direct: Direct, attempt: Callable[[Resque], Any]
) -> None:
    assert not attempt(resque)
    assert "veto" in spoken()
    assert spoken()[-1] in ("before_enqueue_z", "before_schedule_b")
    assert direct("KEYS", "*") == []


def test_a_hook_that_raises_stops_an_enqueue_before_it_is_sent(
    resque: Resque, direct: Direct
) -> None:
    def fail(*args: Any) -> None:
        raise RuntimeError("no")

    @job(queue="q", name="Fails", into=NAMES, hooks=SimpleNamespace(before_enqueue=fail))
    def fails() -> None: ...

    @job(queue="q", name="FailsAfter", into=NAMES, hooks=SimpleNamespace(after_enqueue=fail))
    def fails_after() -> None: ...

    with pytest.raises(RuntimeError, match="no"):
        resque.enqueue(fails)
    with pytest.raises(RuntimeError, match="no"):
        resque.enqueue_many([(Hooked, ["x"]), (fails, [])])
    assert direct("KEYS", "*") == []
    with pytest.raises(RuntimeError, match="no"):
        resque.enqueue(fails_after)
    assert direct("LLEN", "resque:queue:q") == 1


def test_a_list_of_hooks_takes_the_place_of_all_others(resque: Resque) -> None:
    class Listed(Hooked, into=NAMES):
        name = "Listed"
        hooks = ("before_enqueue_z", "after_enqueue_a")

    resque.enqueue(Listed, "x")
    assert spoken() == ["before_enqueue_z", "after_enqueue_a"]
    said.clear()
    # But resque-scheduler does not ask for the list.
    resque.enqueue_at(LATER, Listed, "x")
    assert spoken() == ["before_schedule_a", "before_schedule_b", "after_schedule"]


def test_a_hook_that_only_returned_a_coroutine_decided_nothing(
    resque: Resque, direct: Direct
) -> None:
    class Asks(Hooked, into=NAMES):
        name = "Asks"

        @staticmethod
        async def before_enqueue_a(*args: Any) -> bool:
            return False

    with pytest.raises(NeverRan, match="before_enqueue_a returned a coroutine"):
        resque.enqueue(Asks, "x")
    assert direct("KEYS", "*") == []


def test_a_time_to_come_has_hooks_of_its_own(resque: Resque, direct: Direct) -> None:
    assert resque.enqueue_at(LATER, Hooked, "x") is True
    assert spoken() == ["before_schedule_a", "before_schedule_b", "after_schedule"]
    assert direct("EXISTS", "resque:queue:default") == 0
    said.clear()
    assert resque.enqueue_at(NOW.timestamp() + 0.9, Hooked, "x") is True
    # As in resque-scheduler: those of an enqueue run between those of scheduling.
    assert spoken() == [
        *("before_schedule_a", "before_schedule_b"),
        *("before_enqueue", "before_enqueue_a", "before_enqueue_z"),
        *("after_enqueue", "after_enqueue_a", "after_enqueue_b"),
        "after_schedule",
    ]
    assert direct("LLEN", "resque:queue:default") == 1


@pytest.mark.parametrize("is_inline", [False, True])
def test_an_enqueue_vetoed_within_a_schedule_still_calls_the_hooks_after_it(
    resque: Resque, direct: Direct, is_inline: bool
) -> None:
    class Admitted(Vetoed, into=NAMES):
        name = "Admitted"
        before_schedule_a = says("before_schedule_a")

    resque.inline = is_inline
    assert resque.enqueue_at(LATER if is_inline else NOW, Admitted, "x") is False
    assert spoken()[-2:] == ["before_enqueue_z", "after_schedule"]
    assert direct("KEYS", "*") == []


def test_dequeueing_nothing_and_with_hooks_as_recorded(resque: Resque, direct: Direct) -> None:
    @job(queue="default", name="OkJob", into=NAMES)
    def ok(*args: Any) -> None: ...

    @job(queue="missing", name="Missing", into=NAMES)
    def missing(*args: Any) -> None: ...

    class Allowed(Vetoed, into=NAMES):
        name = "Allowed"
        before_dequeue_a = says("before_dequeue_a")

    recording = golden.recorded("dequeue_nil_and_hooks")
    for args in ([None], [], [2]):
        resque.enqueue(ok, *args)
    results = [resque.dequeue(ok, None), resque.dequeue(missing, 1)]
    results += [resque.dequeue(Vetoed, 1), resque.dequeue(Allowed, 1)]
    assert results == golden.load("dequeue_nil_and_hooks")["results"]
    assert spoken() == recording.pop("trace")["value"]
    assert golden.ours(direct) == recording


@pytest.fixture
def inline(resque: Resque) -> Resque:
    resque.inline = True
    return resque


def test_an_inline_job_runs_at_once_with_all_its_hooks_and_touches_no_redis(
    inline: Resque, direct: Direct
) -> None:
    assert inline.enqueue(Hooked, "ok", "sym") is True
    # The difference: Python has no symbols, so nothing changes on the way through JSON.
    expected = golden.recorded("inline_hooks")["trace"]["value"]
    assert said == [line.replace(":sym", '"sym"') for line in expected]
    assert golden.ours(direct) == golden.recorded("inline") == {}


def test_inline_arguments_have_been_through_json(inline: Resque) -> None:
    got: list[Any] = []

    @job(queue="q", name="Keeps", into=NAMES)
    def keeps(*args: Any) -> None:
        got.append(args)

    given = {1: (2, NOW)}
    inline.enqueue(keeps, given, 1.0, True)
    assert got == [({"1": [2, "2026-11-23 12:00:00 UTC"]}, 1.0, True)]
    assert list(given) == [1]


@pytest.mark.parametrize(
    "attempt",
    [
        lambda inline: inline.enqueue_at(LATER, Hooked, "x"),
        lambda inline: inline.enqueue_in(3600, Hooked, "x"),
        lambda inline: inline.enqueue_to("any", "Hooked", "x"),
        lambda inline: inline.enqueue_many([(Hooked, ["x"])]),
    ],
)
def test_inline_every_way_of_enqueueing_performs(
    inline: Resque, direct: Direct, attempt: Callable[[Resque], Any]
) -> None:
    assert attempt(inline)
    assert "perform" in spoken()
    assert direct("KEYS", "*") == []


def test_many_inline_jobs_run_in_the_order_given(inline: Resque) -> None:
    class Elsewhere(Hooked, into=NAMES):
        queue = "elsewhere"
        name = "Elsewhere"

    jobs: list[tuple[type[Job], list[Any]]] = [(Hooked, ["1"]), (Elsewhere, ["2"]), (Hooked, ["3"])]
    assert inline.enqueue_many(jobs) == 3
    assert [line for line in said if line.startswith("perform")] == [
        *("perform(1)", "perform(2)", "perform(3)")
    ]


def test_inline_a_failing_job_raises_where_it_was_enqueued(inline: Resque) -> None:
    class Fails(Hooked, into=NAMES):
        name = "Fails inline"

        @staticmethod
        def perform(how: str, *rest: Any) -> None:
            raise RuntimeError(how)

        @staticmethod
        def before_perform(*args: Any) -> None:
            if args == ("skip",):
                raise DontPerform

        @staticmethod
        def on_failure(error: BaseException, *args: Any) -> None:
            said.append(f"failed {error}")

    with pytest.raises(RuntimeError, match="loudly"):
        inline.enqueue(Fails, "loudly")
    assert said[-1] == "failed loudly"
    assert inline.enqueue(Fails, "skip") is True
    with pytest.raises(UnknownJob):
        inline.enqueue_to("q", "Unheard::Of")


def test_what_is_not_registered_has_no_hooks(resque: Resque, direct: Direct) -> None:
    assert resque.enqueue_to("q", "Hooked", "x") is True
    assert said == []
    assert contents(direct)[b"resque:queue:q"] == [b'{"class":"Hooked","args":["x"]}']

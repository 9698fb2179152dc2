"""Failures that other implementations wrote are read and requeued as their own bytes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

import pytest
from tests.support import list_actions
from tests.support.direct import Direct
from tests.support.operations import FAILED, KEYS, fill, newest_failures, trail, waiting

from qtop.systems.resque.group_reader import GroupReader
from queuecore import windows
from queuecore.bulk import Result
from queuecore.stores import Store
from resque.codec import decode
from resque.store import failures
from resque.store.undo import Undone, undo


@dataclass(frozen=True, slots=True)
class Foreign:
    """An entry, the payload in it, and what can be read of both."""

    raw: bytes
    payload: bytes
    class_name: str
    args: object
    failed_at: datetime | None
    exception: str | None
    worker: str | None
    backtrace: tuple[str, ...] = ()


def around(before: bytes, payload: bytes, after: bytes) -> tuple[bytes, bytes]:
    return before + payload + after, payload


ENTRIES = {
    # Blanks, escapes, a time without zone, no worker.
    "pyres": Foreign(
        *around(
            b'{"failed_at": "2026/11/23 12:00:00", "payload": ',
            rb'{"class": "app.mail.Welcome", "args": ["caf\u00e9", 1.50], '
            rb'"enqueue_timestamp": 1795436058.25}',
            b', "exception": "ValueError", "error": "bad", "backtrace": ["File a.py", "boom"], '
            b'"queue": "mail"}',
        ),
        class_name="app.mail.Welcome",
        args=["café", 1.5],
        failed_at=None,
        exception="ValueError",
        worker=None,
        backtrace=("File a.py", "boom"),
    ),
    # What pyres itself writes of an exception is about the exception's class.
    "pyres' own back end": Foreign(
        *around(
            b'{"failed_at": "2026/11/23 12:00:00", "payload": ',
            b'{"class": "app.Welcome", "args": [1], "enqueue_timestamp": 1795436058.25}',
            b', "exception": "type", "error": "type: <class \'app.mail.Refused\'>", "backtrace": '
            b'["Traceback:", "app.mail.Refused: bad", ""], "queue": "mail", '
            b'"worker": "host:1:mail"}',
        ),
        class_name="app.Welcome",
        args=[1],
        failed_at=None,
        exception="app.mail.Refused",
        worker="host:1:mail",
        backtrace=("Traceback:", "app.mail.Refused: bad", ""),
    ),
    # Java's time with an offset without a colon, threads in the worker's id, a mark of no retry.
    "jesque": Foreign(
        *around(
            b'{"worker":"host:123-4:JAVA_DYNAMIC_QUEUES,mail","queue":"mail","payload":',
            b'{"class":"Welcome","args":["a"],"vars":null}',
            b',"failed_at":"2026-11-23T12:00:00.123+0000","retried_at":null,"exception":'
            rb'"java.lang.RuntimeException","error":"bad","backtrace":["\tat a.B.run(B.java:5)"]}',
        ),
        class_name="Welcome",
        args=["a"],
        failed_at=datetime(2026, 11, 23, 12, 0, 0, 123000, tzinfo=UTC),
        exception="java.lang.RuntimeException",
        worker="host:123-4:JAVA_DYNAMIC_QUEUES,mail",
        backtrace=("\tat a.B.run(B.java:5)",),
    ),
    # Older versions wrote the time as `date` prints it.
    "php-resque 1.2": Foreign(
        *around(
            b'{"failed_at":"Mon Nov 23 12:00:00 UTC 2026","payload":',
            b'{"class":"Welcome","args":[[1]],"id":"6f1ed002ab5595859014ebf0951522d9"}',
            b',"exception":"Boom","error":"bad","backtrace":["#0 {main}"],'
            b'"worker":"host:123:mail","queue":"mail"}',
        ),
        class_name="Welcome",
        args=[[1]],
        failed_at=datetime(2026, 11, 23, 12, tzinfo=UTC),
        exception="Boom",
        worker="host:123:mail",
        backtrace=("#0 {main}",),
    ),
    # The queue inside of the payload too, another order, a date of JavaScript's.
    "node-resque": Foreign(
        *around(
            b'{"worker":"host:123+1","queue":"mail","payload":',
            b'{"class":"welcome","queue":"mail","args":[{"to":"a@b"}]}',
            b',"exception":"Error","error":"bad","backtrace":["at x (y.js:1:2)"],'
            b'"failed_at":"Mon Nov 23 2026 13:00:00 GMT+0100 (Central European Time)"}',
        ),
        class_name="welcome",
        args=[{"to": "a@b"}],
        failed_at=datetime(2026, 11, 23, 13, tzinfo=timezone(timedelta(hours=1))),
        exception="Error",
        worker="host:123+1",
        backtrace=("at x (y.js:1:2)",),
    ),
    # No backtrace, a date of Go's.
    "goworker": Foreign(
        *around(
            b'{"failed_at":"2026-11-23T12:00:00.123456789Z","payload":',
            b'{"class":"Welcome","args":["a",12345678901234567890]}',
            b',"exception":"Error","error":"bad","backtrace":null,'
            b'"worker":"host:123-4:mail","queue":"mail"}',
        ),
        class_name="Welcome",
        args=["a", 12345678901234567890],
        failed_at=datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC),
        exception="Error",
        worker="host:123-4:mail",
    ),
    # Slashes escaped, a list around one object, keys of its own.
    "php-resque": Foreign(
        *around(
            b'{"failed_at":"2026-11-23T12:00:00+00:00","payload":',
            rb'{"class":"App\\Jobs\\Welcome","args":[{"url":"http:\/\/a\/b"}],'
            rb'"id":"6f1ed002ab5595859014ebf0951522d9","prefix":"","queue_time":1795436058.1}',
            b',"exception":"App\\\\Boom","error":"bad","backtrace":["#0 {main}"],'
            b'"worker":"host:123:mail","queue":"mail"}',
        ),
        class_name=r"App\Jobs\Welcome",
        args=[{"url": "http://a/b"}],
        failed_at=datetime(2026, 11, 23, 12, tzinfo=UTC),
        exception=r"App\Boom",
        worker="host:123:mail",
        backtrace=("#0 {main}",),
    ),
    "ActiveJob": Foreign(
        *around(
            b'{"failed_at":"2026/11/23 12:00:00 UTC","payload":',
            b'{"class":"ActiveJob::QueueAdapters::ResqueAdapter::JobWrapper","args":[{"job_class":'
            b'"Welcome","provider_job_id":null,"arguments":[{"_aj_globalid":"gid://a/U/1"}]}]}',
            b',"exception":"RuntimeError","error":"bad","backtrace":[],'
            b'"worker":"host:123:mail","queue":"mail"}',
        ),
        class_name="ActiveJob::QueueAdapters::ResqueAdapter::JobWrapper",
        args=[
            {
                "job_class": "Welcome",
                "provider_job_id": None,
                "arguments": [{"_aj_globalid": "gid://a/U/1"}],
            }
        ],
        failed_at=datetime(2026, 11, 23, 12, tzinfo=UTC),
        exception="RuntimeError",
        worker="host:123:mail",
    ),
}


@pytest.mark.parametrize("foreign", ENTRIES.values(), ids=ENTRIES)
def test_it_is_read(store: Store, direct: Direct, foreign: Foreign) -> None:
    fill(direct, [foreign.raw], FAILED)
    [failure] = newest_failures(store)
    assert (failure.class_name, failure.args) == (foreign.class_name, foreign.args)
    assert failure.failed_at == foreign.failed_at
    assert (failure.exception, failure.error) == (foreign.exception, "bad")
    assert (failure.worker, failure.queue) == (foreign.worker, "mail")
    assert failure.backtrace == foreign.backtrace
    assert failure.problem is None


@pytest.mark.parametrize("foreign", ENTRIES.values(), ids=ENTRIES)
def test_its_group_goes_by_the_exception_that_is_shown(foreign: Foreign) -> None:
    read = failures.read(windows.whole(foreign.raw), 0)
    assert GroupReader().read(foreign.raw).fingerprint.exception == read.exception


@pytest.mark.parametrize("foreign", ENTRIES.values(), ids=ENTRIES)
@pytest.mark.parametrize("how", ["taken off", "and kept"])
def test_it_is_requeued_as_its_own_bytes(
    store: Store, direct: Direct, foreign: Foreign, how: str
) -> None:
    fill(direct, [foreign.raw], FAILED)
    [failure] = newest_failures(store)
    if how == "taken off":
        mine = trail("requeue", KEYS.failed())
        chosen = [list_actions.ref_of(failure)]
        assert store.run(list_actions.requeue(KEYS, chosen, mine)) == Result(done=1)
    else:
        keeping = failures.requeue_and_keep(KEYS, failure, datetime(2026, 1, 1, tzinfo=UTC))
        assert not isinstance(keeping, str)
        assert store.run(keeping)
    assert waiting(direct, "resque:queue:mail") == [foreign.payload]
    if how == "taken off":
        assert store.run(undo(KEYS, mine.id)) == Undone(done=1)
        assert waiting(direct, FAILED) == [foreign.raw]
    else:
        [stamped] = waiting(direct, FAILED)
        assert stamped.startswith(foreign.raw[:-1])
        assert decode(stamped) == decode(foreign.raw) | {"retried_at": "2026/01/01 00:00:00 UTC"}

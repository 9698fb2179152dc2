"""Signals go only to workers of this machine, and never to a process that took over a pid."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from tests.support.sample_data import worker as idle

from qtop.actions.plan import Operator, Plan
from qtop.actions.request import Signal, Wish
from qtop.config.limits import UndoLimits
from qtop.model.fleet import Process
from qtop.systems.resque.workers import SIGNALS, prepare, send_signal
from queuecore.action_record import Actor
from queuecore.exchange import Exchange, Steps, checked, drive
from queuecore.values import replace
from resque.errors import BelongsToSidekiq
from resque.keys import Keys

HOST = socket.gethostname()
TITLED = (
    "import signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, {int(sys.argv[2])}); "
    "print('ready', flush=True); print(int(signal.sigwait({int(sys.argv[2])})), flush=True)"
)


def registered(worker_id: str, started: datetime | None = None) -> Process:
    return replace(idle(worker_id), started=started)


def process(title: str, number: int) -> "subprocess.Popen[str]":
    started = subprocess.Popen(
        [sys.executable, "-c", TITLED, title, str(number)], stdout=subprocess.PIPE, text=True
    )
    assert started.stdout is not None
    assert started.stdout.readline() == "ready\n"
    return started


@pytest.fixture
def other() -> Iterator["subprocess.Popen[str]"]:
    """A process that is no worker."""
    started = process("something-else", signal.SIGQUIT)
    yield started
    started.kill()
    started.communicate()


@pytest.mark.parametrize("what", SIGNALS)
def test_a_worker_of_this_machine_gets_the_signal_it_knows(what: Wish) -> None:
    worker = process("resque-3.0.0: Waiting for mail", SIGNALS[what])
    who = registered(f"{HOST}:{worker.pid}:mail", datetime.now(UTC))
    assert send_signal(who, HOST, what) is None
    assert worker.communicate(timeout=30)[0].strip() == str(int(SIGNALS[what]))


@pytest.mark.parametrize(
    ("worker_id", "reason"),
    [
        ("elsewhere:{pid}:mail", "it runs on elsewhere, not here"),
        ("{host}:{pid}:mail", "process {pid} does not call itself a Resque worker"),
        ("{host}:{gone}:mail", "there is no process {gone} here"),
        ("{host}:1:mail", "1 is no process of a worker"),
        ("{host}:0:mail", "0 is no process of a worker"),
        ("nonsense", "its id names no process"),
    ],
)
def test_a_process_that_may_be_another_is_left_alone(
    other: "subprocess.Popen[str]", worker_id: str, reason: str
) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    words = {"pid": other.pid, "host": HOST, "gone": gone.pid}
    who = registered(worker_id.format(**words))
    assert send_signal(who, HOST, "finish") == reason.format(**words)
    assert other.poll() is None


def test_a_worker_under_another_host_name_is_known_by_its_start_time() -> None:
    worker = process("resque-3.0.0: Waiting for mail", signal.SIGQUIT)
    name = f"{HOST}-2:{worker.pid}:mail"
    now = datetime.now(UTC)
    reason = f"process {worker.pid} may be another one: {HOST}-2 may be another machine"
    assert send_signal(registered(name), HOST, "finish") == reason
    later = registered(name, now + timedelta(hours=1))
    assert send_signal(later, HOST, "finish") == reason
    assert send_signal(registered(name, now), HOST, "finish") is None
    assert worker.communicate(timeout=30)[0].strip() == str(int(signal.SIGQUIT))


def test_a_process_that_began_after_the_worker_is_another_one() -> None:
    worker = process("resque-3.0.0: Waiting for mail", signal.SIGQUIT)
    hours_ago = datetime.now(UTC) - timedelta(hours=5)
    who = registered(f"{HOST}:{worker.pid}:mail", hours_ago)
    reason = send_signal(who, HOST, "finish")
    assert reason == f"process {worker.pid} began after that worker did: another one"
    os.kill(worker.pid, signal.SIGQUIT)
    assert worker.communicate(timeout=30)[0].strip() == str(int(signal.SIGQUIT))


def test_signals_that_were_sent_count_although_their_record_is_refused() -> None:
    def refuse(exchange: Exchange[object]) -> Steps[None]:
        yield from ()
        raise BelongsToSidekiq("Sidekiq lives there")

    worker = process("resque-3.0.0: Waiting for mail", signal.SIGQUIT)
    who = registered(f"{HOST}:{worker.pid}:mail", datetime.now(UTC))
    operator = Operator(Actor("ada@here", "qtop"), UndoLimits())
    plan = prepare(Keys("resque"), operator, Signal((who,), "finish"))
    assert isinstance(plan, Plan)
    outcome = drive(checked(plan.run(), refuse), lambda exchange: None)
    assert (outcome.done, outcome.tone) == (1, "good")
    assert worker.communicate(timeout=30)[0].strip() == str(int(signal.SIGQUIT))

"""What signals ask for: they reach a job only while it runs, and get lost in no gap."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from resque.errors import TermException
from resque.worker.signals import SignalState


def send(number: signal.Signals) -> None:
    """Send a signal to this thread (a test runner has others); its handler has run on return."""
    signal.pthread_kill(threading.get_ident(), number)


@pytest.fixture
def signals() -> Iterator[SignalState]:
    with SignalState(term_child=True) as taken_over:
        yield taken_over


@pytest.mark.parametrize(
    ("numbers", "graceful_term", "leave", "end_job", "is_paused"),
    [
        ([signal.SIGQUIT], False, True, False, False),
        ([signal.SIGTERM], False, True, True, False),
        ([signal.SIGINT], False, True, True, False),
        ([signal.SIGTERM], True, True, False, False),
        ([signal.SIGINT], True, True, True, False),
        ([signal.SIGHUP], False, True, True, False),
        ([signal.SIGHUP], True, True, True, False),
        ([signal.SIGUSR1], False, False, True, False),
        ([signal.SIGUSR2], False, False, False, True),
        ([signal.SIGUSR2, signal.SIGCONT], False, False, False, False),
        ([signal.SIGCHLD], False, False, False, False),
    ],
)
def test_each_signal_asks_for_something(
    numbers: list[signal.Signals],
    graceful_term: bool,
    leave: bool,
    end_job: bool,
    is_paused: bool,
) -> None:
    found: list[int] = []
    with SignalState(graceful_term=graceful_term, on_signal=found.append) as signals:
        for number in numbers:
            send(number)
        assert (signals.leave, signals.end_job, signals.is_paused) == (leave, end_job, is_paused)
        assert os.read(signals.fileno(), 16) == bytes(numbers)
        signals.drain()
    assert found == [number for number in numbers if number != signal.SIGCHLD]


def test_a_signal_within_the_handler_of_another_is_the_later_one() -> None:
    def send_another(number: int) -> None:
        if number == signal.SIGUSR2:
            send(signal.SIGCONT)

    with SignalState(on_signal=send_another) as signals:
        send(signal.SIGUSR2)
        assert not signals.is_paused
        signals.drain()
        assert not signals.is_paused


@pytest.mark.parametrize("last", [signal.SIGUSR2, signal.SIGCONT])
def test_of_a_pause_and_its_end_the_one_that_came_last_counts(
    last: signal.Signals,
) -> None:
    first = signal.SIGCONT if last == signal.SIGUSR2 else signal.SIGUSR2
    with SignalState() as signals:
        # As where the last one comes while the handler of the first has not begun.
        handler = signal.getsignal(last)
        assert callable(handler)
        send(first)
        send(last)
        handler(first, None)
        signals.drain()
        assert signals.is_paused == (last == signal.SIGUSR2)


def test_handlers_are_given_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with SignalState():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_job_hears_of_its_end_while_it_runs_and_not_before_or_after(
    signals: SignalState, number: signal.Signals
) -> None:
    signals.begin_job()
    with pytest.raises(TermException, match=f"^{number.name}$"):
        send(number)
    signals.finish_job()
    send(number)


def test_a_job_that_is_to_end_before_it_began_hears_of_it_when_it_begins(
    signals: SignalState,
) -> None:
    send(signal.SIGTERM)
    with pytest.raises(TermException, match=r"^SIGTERM$"):
        signals.begin_job()


def test_a_usr1_or_quit_raises_nothing_in_a_job_of_the_workers_own_process(
    signals: SignalState,
) -> None:
    send(signal.SIGUSR1)
    signals.begin_job()
    send(signal.SIGQUIT)
    send(signal.SIGUSR1)
    signals.finish_job()


def test_without_term_child_no_job_hears_of_anything() -> None:
    with SignalState() as signals:
        send(signal.SIGTERM)
        signals.begin_job()
        send(signal.SIGTERM)
        signals.finish_job()


def test_signals_wait_while_they_are_held_back(signals: SignalState) -> None:
    with signals.held():
        send(signal.SIGQUIT)
        assert not signals.leave
    assert signals.leave


def test_a_child_begins_without_its_parents_signals_and_gets_its_own(
    signals: SignalState,
) -> None:
    send(signal.SIGTERM)
    with signals.held():
        # As in a child: what came before the fork was for the parent, what comes is for it.
        send(signal.SIGQUIT)
        signals.let_go()
    assert signals.leave
    signals.begin_job()
    with pytest.raises(TermException, match=r"^SIGUSR1$"):
        send(signal.SIGUSR1)
    send(signal.SIGINT)
    signals.finish_job()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_child_whose_job_is_ended_takes_no_other(
    signals: SignalState, number: signal.Signals
) -> None:
    with signals.held():
        signals.let_go()
    signals.begin_job()
    with pytest.raises(TermException):
        send(number)
    assert signals.leave


def test_a_child_that_waits_for_signals_itself_takes_none_of_its_parents(
    signals: SignalState,
) -> None:
    send(signal.SIGQUIT)
    with signals.held():
        pid = os.fork()
        if pid == 0:
            signals.let_go(will_wait=True)
            os.kill(os.getpid(), signal.SIGQUIT)
            has_its_own = signals.drain()
            os._exit(0 if has_its_own and signals.leave and not signals.drain() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert signals.drain()


def test_a_signal_for_a_process_of_a_pool_waits_until_that_takes_signals_over() -> None:
    names = ("QUIT", "TERM", "INT", "HUP", "USR1", "USR2", "CONT", "CHLD", "URG")
    numbers = [signal.Signals[f"SIG{name}"] for name in names]
    before = {number: signal.getsignal(number) for number in numbers}
    pool = SignalState()
    pool.__enter__()
    try:
        with pool.held():
            # As in a worker of the pool that is about to begin.
            pool.leave_to_another()
            send(signal.SIGQUIT)
            send(signal.SIGUSR2)
            with SignalState() as own:
                assert own.leave
                assert own.is_paused
            assert not pool.leave
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""An action on jobs in the midst of a long queue of Sidekiq's, or its undo, is killed at any
moment, also while workers take from its tail and clients push at its head: each job is in one place
at every instant, and the next operator completes what was begun, exactly once."""

from __future__ import annotations

import signal
from random import Random

import pytest
from tests.support.direct import Direct
from tests.support.operator_process import Death, Numbers, OperatorProcess
from tests.support.sidekiq_jobs import KEYS
from tests.support.soak import IS_SOAK, TIMEOUT_S, either
from tests.support.waiting_books import SOURCE, QueueTraffic, WaitingBooks

from queuecore import turning
from queuecore.address import parse_url
from queuecore.stores import Store

JOBS = either(300, 3_000)
MEANT = either(40, 400)
#: Kills at different exchanges, of each kind of action.
STEPS = either(2, 40)
#: Each has up to five kills at random; the soak about 300.
SEEDS = range(either(1, 20))
KILLS = 2
LONGEST_DELAY_S = 0.004


def acts(short: str) -> list[str]:
    """All actions in a soak, else one: how each turns a queue is tested without processes, too."""
    return ["delete", "move", "edit"] if IS_SOAK else [short]


def some_of(exchanges: int) -> list[int]:
    """After how many exchanges to kill: before the first, before the last, and after some
    between."""
    return sorted({exchanges - 1, *(exchanges * step // STEPS for step in range(STEPS))})


def act_on(
    operator: OperatorProcess, books: WaitingBooks, store: Store, death: Death | None = None
) -> Numbers | None:
    """What comes of the action on what is still as it was, which may be killed."""
    refs = books.refs_now(store)
    act, operation = books.act, books.operation()
    operator.take_waiting(act, SOURCE, refs, operation, *([death] if death else []))
    return operator.answer(books.check)


def undo(operator: OperatorProcess, operation: str, death: Death | None = None) -> None:
    operator.undo(operation, *([death] if death else []), is_of_sidekiq=True)


@pytest.mark.timeout(TIMEOUT_S)
@pytest.mark.parametrize("act", acts("move"))
def test_what_an_action_that_was_killed_at_any_step_left_the_next_one_does(
    direct: Direct,
    store: Store,
    operator: OperatorProcess,
    monkeypatch: pytest.MonkeyPatch,
    act: str,
) -> None:
    monkeypatch.setattr(turning, "GRACE_S", 0)
    books = WaitingBooks(direct, act, JOBS, MEANT, Random(act))
    whole = act_on(operator, books, store)
    assert whole is not None
    assert (whole.done, whole.gone) == (MEANT, 0)
    was_turned = 0
    for after in some_of(whole.exchanges):
        books = WaitingBooks(direct, act, JOBS, MEANT, Random(act))
        assert act_on(operator, books, store, Death(after)) is None
        books.check()
        was_turned += books.is_turned()
        rest = act_on(operator, books, store)
        assert rest is not None
        assert rest.gone == 0
        # Where nothing was left to do but the order: as `qtop reorder`.
        store.run(turning.settled(KEYS, SOURCE, "head"))
        moved = books.check_all_was_done()
        assert moved == (books.places if act == "move" else [])
        undone = 0
        for operation in books.operations():
            undo(operator, operation)
            back = operator.answer(books.check)
            assert back is not None
            assert back.gone == 0
            undone += back.done
        assert undone == MEANT
        books.check_all_was_undone()
    assert was_turned >= 1


@pytest.mark.timeout(TIMEOUT_S)
@pytest.mark.parametrize("act", acts("edit"))
def test_an_undo_that_was_killed_at_any_step_is_completed_once(
    direct: Direct, store: Store, operator: OperatorProcess, act: str
) -> None:
    def begin() -> tuple[WaitingBooks, str]:
        books = WaitingBooks(direct, act, JOBS, MEANT, Random(act))
        assert act_on(operator, books, store) is not None
        return books, books.operations()[0]

    books, operation = begin()
    undo(operator, operation)
    whole = operator.answer()
    assert whole is not None
    was_turned = 0
    for after in some_of(whole.exchanges):
        books, operation = begin()
        undo(operator, operation, Death(after))
        assert operator.answer() is None
        books.check()
        was_turned += books.is_turned()
        undo(operator, operation)
        back = operator.answer(books.check)
        assert back is not None
        assert back.gone == 0
        books.check_all_was_undone()
        undo(operator, operation)
        nothing = operator.answer()
        assert nothing is not None
        assert (nothing.done, nothing.gone) == (0, 0)
        books.check_all_was_undone()
    assert was_turned >= 1


@pytest.mark.timeout(TIMEOUT_S)
@pytest.mark.parametrize("act", acts("delete"))
@pytest.mark.parametrize("seed", SEEDS)
def test_killed_at_random_among_workers_and_clients_no_job_is_lost_or_doubled(
    direct: Direct, redis_url: str, store: Store, operator: OperatorProcess, act: str, seed: int
) -> None:
    chance = Random(f"{act} {seed}")
    path = parse_url(redis_url).path
    assert path is not None
    books = WaitingBooks(direct, act, JOBS, MEANT, chance)
    taking = act_on(operator, books, store)
    undo(operator, books.operations()[0])
    undoing = operator.answer()
    assert taking is not None
    assert undoing is not None

    def death(whole: Numbers) -> Death:
        return Death(chance.randrange(whole.exchanges), chance.random() * LONGEST_DELAY_S)

    books = WaitingBooks(direct, act, JOBS, MEANT, chance)
    killed = 0
    with QueueTraffic(books, path, chance, most=JOBS // 2):
        for _ in range(KILLS):
            killed += act_on(operator, books, store, death(taking)) is None
        assert act_on(operator, books, store) is not None
        store.run(turning.settled(KEYS, SOURCE, "head"))
        books.check_all_was_done()
        for operation in books.operations():
            undo(operator, operation, death(undoing))
            killed += operator.answer(books.check) is None
            undo(operator, operation)
            assert operator.answer(books.check) is not None
    # Shown by `pytest -rP`.
    print(f"{killed} kills")
    assert killed >= 1
    store.run(turning.settled(KEYS, SOURCE, "head"))
    books.check_all_was_undone()


@pytest.mark.timeout(TIMEOUT_S)
@pytest.mark.parametrize("act", acts("edit"))
def test_an_operator_who_is_taken_for_dead_and_goes_on_does_nothing_twice(
    direct: Direct, operators: list[OperatorProcess], act: str
) -> None:
    chance = Random(act)
    books = WaitingBooks(direct, act, JOBS, MEANT, chance)
    frozen, other, _ = operators
    stop = Death(chance.randrange(2, 6), signal=signal.SIGSTOP)
    frozen.take_waiting(act, SOURCE, books.refs(), books.operation(), stop)
    frozen.await_frozen()
    other.take_waiting(act, SOURCE, books.refs(), books.operation())
    assert other.answer(books.check) is not None
    books.check_all_was_done()
    frozen.thaw()
    late = frozen.answer(books.check)
    assert late is not None
    assert late.done + late.gone == MEANT
    books.check_all_was_done()
    last, first = books.operations()
    undo(other, last)
    assert other.answer(books.check) is not None
    undo(frozen, first, Death(1, signal=signal.SIGSTOP))
    frozen.await_frozen()
    undo(other, first)
    assert other.answer(books.check) is not None
    frozen.thaw()
    assert frozen.answer(books.check) is not None
    books.check_all_was_undone()

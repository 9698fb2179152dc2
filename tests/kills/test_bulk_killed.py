"""A bulk action or its undo is killed at any moment: each job is in one place at every instant, and
the next operator completes what was begun, exactly once."""

from __future__ import annotations

from random import Random

import pytest
from tests.support.direct import Direct
from tests.support.job_books import Books, Traffic, numbers
from tests.support.operations import KEYS
from tests.support.operator_process import Death, Numbers, OperatorProcess
from tests.support.soak import TIMEOUT_S, either

from queuecore import turning
from queuecore.address import parse_url
from queuecore.stores import Store

JOBS = either(1_000, 4_000)
MEANT = either(100, 400)
#: Kills at different exchanges, of each kind of action.
STEPS = either(4, 30)
#: Each has up to five kills at random; the soak about 200.
SEEDS = range(either(1, 24))
KILLS = 2
LONGEST_DELAY_S = 0.004
ACTS = ["requeue", "delete", "move", "run", "delay"]


def some_of(exchanges: int) -> list[int]:
    """After how many exchanges to kill: before the first, before and after the last, and after some
    between."""
    return sorted({exchanges - 1, *(exchanges * step // (STEPS - 1) for step in range(STEPS))})


def chance_of(act: str, after: int) -> Random:
    """Which jobs are meant. How many exchanges a turn takes depends on it: there it is the same for
    all steps, so that each is one before the end."""
    return Random(after if act == "requeue" else act)


@pytest.mark.timeout(TIMEOUT_S)
@pytest.mark.parametrize("act", ACTS)
def test_what_an_action_that_was_killed_at_any_step_left_the_next_one_does(
    direct: Direct,
    store: Store,
    operator: OperatorProcess,
    monkeypatch: pytest.MonkeyPatch,
    act: str,
) -> None:
    monkeypatch.setattr(turning, "GRACE_S", 0)
    books = Books(direct, act, JOBS, MEANT, Random(act))
    operator.take(act, books.source, books.refs(), books.operation())
    whole = operator.answer()
    assert whole is not None
    assert (whole.done, whole.gone) == (MEANT, 0)
    for after in some_of(whole.exchanges):
        books = Books(direct, act, JOBS, MEANT, chance_of(act, after))
        operator.take(act, books.source, books.refs(), books.operation(), Death(after))
        assert operator.answer() is None
        books.check()
        refs = books.refs_now(store)
        operator.take(act, books.source, refs, books.operation())
        rest = operator.answer(books.check)
        assert rest is not None
        assert (rest.done, rest.gone) == (len(refs), 0)
        if not refs:
            # It was killed when only the order was left to do: as `qtop reorder`.
            store.run(turning.settled(KEYS, books.source.encode()))
        lists = books.check_all_was_done()
        if act != "delete":
            moved = numbers(lists[books.target])
            # Of a moment few go from behind.
            assert (sorted(moved) if books.is_delayed else moved) == books.places
        undone = 0
        for operation in books.operations():
            operator.undo(operation)
            back = operator.answer(books.check)
            assert back is not None
            assert back.gone == 0
            undone += back.done
        assert undone == MEANT
        books.check_all_was_undone()


@pytest.mark.timeout(TIMEOUT_S)
@pytest.mark.parametrize("act", ACTS)
def test_an_undo_that_was_killed_at_any_step_is_completed_once(
    direct: Direct, operator: OperatorProcess, act: str
) -> None:
    def begin(chance: Random) -> tuple[Books, str]:
        books = Books(direct, act, JOBS, MEANT, chance)
        operation = books.operation()
        operator.take(act, books.source, books.refs(), operation)
        assert operator.answer() is not None
        return books, operation

    books, operation = begin(Random(act))
    operator.undo(operation)
    whole = operator.answer()
    assert whole is not None
    for after in some_of(whole.exchanges):
        books, operation = begin(chance_of(act, after))
        operator.undo(operation, Death(after))
        assert operator.answer() is None
        books.check()
        operator.undo(operation)
        back = operator.answer(books.check)
        assert back is not None
        assert back.gone == 0
        books.check_all_was_undone()
        operator.undo(operation)
        nothing = operator.answer()
        assert nothing is not None
        assert (nothing.done, nothing.gone) == (0, 0)
        books.check_all_was_undone()


@pytest.mark.timeout(TIMEOUT_S)
@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("seed", SEEDS)
def test_killed_at_random_among_workers_and_producers_no_job_is_lost_or_doubled(
    direct: Direct, redis_url: str, store: Store, operator: OperatorProcess, act: str, seed: int
) -> None:
    chance = Random(f"{act} {seed}")
    path = parse_url(redis_url).path
    assert path is not None
    books = Books(direct, act, JOBS, MEANT, chance)
    operator.take(act, books.source, books.refs(), books.operation())
    taking = operator.answer()
    operator.undo(books.operations()[0])
    undoing = operator.answer()
    assert taking is not None
    assert undoing is not None

    def death(whole: Numbers) -> Death:
        return Death(chance.randrange(whole.exchanges), chance.random() * LONGEST_DELAY_S)

    books = Books(direct, act, JOBS, MEANT, chance)
    killed = 0
    with Traffic(books, path, chance, most=JOBS // 4):
        for _ in range(KILLS):
            refs = books.refs_now(store)
            operator.take(act, books.source, refs, books.operation(), death(taking))
            killed += operator.answer(books.check) is None
        refs = books.refs_now(store)
        operator.take(act, books.source, refs, books.operation())
        assert operator.answer(books.check) is not None
        if not refs:
            # As above.
            store.run(turning.settled(KEYS, books.source.encode()))
        books.check_all_was_done()
        for operation in books.operations():
            operator.undo(operation, death(undoing))
            killed += operator.answer(books.check) is None
            operator.undo(operation)
            assert operator.answer(books.check) is not None
    # Shown by `pytest -rP`.
    print(f"{killed} kills")
    assert killed >= 1
    books.check_all_was_undone()

"""Several operators act on one list at once, also while a client like Ruby's appends, removes and
retries by index: each match is done once, and nothing else is touched."""

from __future__ import annotations

import signal
from collections import Counter
from random import Random

import pytest
from tests.support.direct import Direct
from tests.support.job_books import TARGET, Books, numbers
from tests.support.operator_process import Death, OperatorProcess
from tests.support.ruby_by_index import RubyByIndex
from tests.support.soak import SEEDS, TIMEOUT_S, either
from tests.support.waiting import eventually

from queuecore.address import parse_url

JOBS = either(1_000, 25_000)
MEANT = either(120, 1_500)
ACTS = ["requeue", "delete", "move"]


@pytest.mark.timeout(TIMEOUT_S)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("act", ACTS)
def test_three_operators_whose_matches_overlap_do_each_match_once(
    direct: Direct, operators: list[OperatorProcess], act: str, seed: int
) -> None:
    books = Books(direct, act, JOBS, MEANT, Random(f"{act} {seed}"))
    refs = books.refs()
    third = MEANT // 3
    # Each shares a third with each of the others.
    shares = [refs[third:], refs[:third] + refs[2 * third :], refs[: 2 * third]]
    for operator, share in zip(operators, shares, strict=True):
        operator.take(act, books.source, share, books.operation())
    answers = [operator.answer(books.check) for operator in operators]
    results = [answer for answer in answers if answer is not None]
    assert [each.done + each.gone for each in results] == [len(share) for share in shares]
    assert sum(each.done for each in results) == MEANT
    books.check_all_was_done()
    # Three undos of three actions at once.
    for operator, operation in zip(operators, books.operations(), strict=True):
        operator.undo(operation)
    undone = [answer for operator in operators if (answer := operator.answer(books.check))]
    assert sum(each.done for each in undone) == MEANT
    assert [each.gone for each in undone] == [0, 0, 0]
    lists = books.lists()
    assert Counter(lists[books.source]) == Counter(books.items)
    assert lists.get(TARGET) is None
    meant = set(books.places)
    others = [number for number in range(JOBS) if number not in meant]
    assert [each for each in numbers(lists[books.source]) if each not in meant] == others


@pytest.mark.timeout(TIMEOUT_S)
@pytest.mark.parametrize("seed", SEEDS)
def test_one_of_three_operators_is_killed_and_the_others_do_its_part(
    direct: Direct, operators: list[OperatorProcess], seed: int
) -> None:
    chance = Random(seed)
    books = Books(direct, "move", JOBS, MEANT, chance)
    first, *others = operators
    first.take("move", books.source, books.refs(), books.operation(), Death(chance.randrange(5)))
    for operator in others:
        operator.take("move", books.source, books.refs(), books.operation())
    assert first.answer(books.check) is None
    results = [operator.answer(books.check) for operator in others]
    assert [each and each.done + each.gone for each in results] == [MEANT, MEANT]
    books.check_all_was_done()


@pytest.mark.timeout(TIMEOUT_S)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("act", ACTS)
def test_an_operator_who_is_taken_for_dead_and_goes_on_does_nothing_twice(
    direct: Direct, operators: list[OperatorProcess], act: str, seed: int
) -> None:
    chance = Random(f"{act} {seed}")
    books = Books(direct, act, JOBS, MEANT, chance)
    frozen, other, _ = operators
    frozen.take(act, books.source, books.refs(), books.operation(), stop_after(chance))
    frozen.await_frozen()
    other.take(act, books.source, books.refs(), books.operation())
    assert other.answer(books.check) is not None
    books.check_all_was_done()
    frozen.thaw()
    late = frozen.answer(books.check)
    assert late is not None
    assert late.done + late.gone == MEANT
    books.check_all_was_done()
    last, first = books.operations()
    other.undo(last)
    assert other.answer(books.check) is not None
    frozen.undo(first, stop_after(chance, most=2))
    frozen.await_frozen()
    other.undo(first)
    assert other.answer(books.check) is not None
    frozen.thaw()
    assert frozen.answer(books.check) is not None
    books.check_all_was_undone()


def stop_after(chance: Random, most: int = 6) -> Death:
    return Death(chance.randrange(most), signal=signal.SIGSTOP)


@pytest.mark.timeout(TIMEOUT_S)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("act", ["requeue", "delete"])
def test_a_client_that_goes_by_index_meanwhile_loses_nothing_that_it_did_not_hit(
    direct: Direct, redis_url: str, operator: OperatorProcess, act: str, seed: int
) -> None:
    chance = Random(f"{act} {seed}")
    books = Books(direct, act, JOBS, MEANT, chance)
    path = parse_url(redis_url).path
    assert path is not None

    def check(client: RubyByIndex, meant: list[int]) -> None:
        lists = books.lists()
        left = lists[books.source]
        done = [books.items[number] for number in numbers(lists.get(TARGET, []))]
        assert Counter([*left, *done, *lists.get("deleted", [])]) == client.entries()
        away = {books.items[number] for number in meant}
        others = [entry for entry in client.untouched() if entry not in away]
        kept = set(others)
        assert [entry for entry in left if entry in kept] == others

    operation = books.operation()
    with RubyByIndex(books, path, chance) as client:
        eventually(lambda: client.acts >= 20, "it is at work")
        operator.take(act, books.source, books.refs(), operation)
        result = operator.answer()
    assert result is not None
    assert result.done + result.gone == MEANT
    check(client, books.places)
    # Shown by `pytest -rP`.
    print(f"their own race hit another entry {client.missed} of {len(client.overwritten)} times")
    operator.undo(operation)
    back = operator.answer()
    assert back is not None
    assert (back.done, back.gone) == (result.done, 0)
    check(client, books.places)

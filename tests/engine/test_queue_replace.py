"""Another payload in the place of a waiting job, wherever the job is by then."""

from __future__ import annotations

import pytest
from tests.support.direct import Direct
from tests.support.operations import KEYS, QUEUE, fill, numbered, trail, waiting

from queuecore.stores import Store
from resque.errors import WrongType
from resque.store import queues
from resque.store.undo import Undone, undo

ITEMS = numbered(500)
EDITED = b'{"class":"A","args":[1.50]}'


def test_an_edited_job_keeps_its_place(store: Store, direct: Direct) -> None:
    fill(direct, ITEMS)
    assert store.run(queues.replace(KEYS, "q", 7, ITEMS[7], EDITED))
    assert waiting(direct) == [*ITEMS[:7], EDITED, *ITEMS[8:]]


@pytest.mark.parametrize("taken", [1, 50, 51, 400])
def test_it_is_found_however_many_were_taken_before_it(
    store: Store, direct: Direct, taken: int
) -> None:
    fill(direct, ITEMS[taken:])
    assert store.run(queues.replace(KEYS, "q", 450, ITEMS[450], EDITED))
    assert waiting(direct) == [*ITEMS[taken:450], EDITED, *ITEMS[451:]]


def test_a_job_that_was_taken_is_reported_as_gone(store: Store, direct: Direct) -> None:
    fill(direct, ITEMS[1:])
    mine = trail("edit", KEYS.queue("q"))
    assert not store.run(queues.replace(KEYS, "q", 0, ITEMS[0], EDITED, mine))
    assert waiting(direct) == ITEMS[1:]
    assert store.run(undo(KEYS, mine.id)) == Undone(is_known=False)


def test_of_two_alike_the_nearer_one_is_replaced(store: Store, direct: Direct) -> None:
    fill(direct, [*ITEMS[:10], b"same", *ITEMS[10:40], b"same", *ITEMS[40:]])
    assert store.run(queues.replace(KEYS, "q", 41, b"same", EDITED))
    assert waiting(direct) == [*ITEMS[:10], b"same", *ITEMS[10:40], EDITED, *ITEMS[40:]]


def test_once_a_worker_has_the_edited_job_nothing_can_be_taken_back(
    store: Store, direct: Direct
) -> None:
    fill(direct, ITEMS)
    mine = trail("edit", KEYS.queue("q"))
    store.run(queues.replace(KEYS, "q", 0, ITEMS[0], EDITED, mine))
    assert direct("LPOP", QUEUE) == EDITED
    assert store.run(undo(KEYS, mine.id)) == Undone(lost=1)
    assert waiting(direct) == ITEMS[1:]


def test_a_key_that_is_no_list_is_left_alone(store: Store, direct: Direct) -> None:
    direct("SET", QUEUE, "something else")
    with pytest.raises(WrongType):
        store.run(queues.replace(KEYS, "q", 0, ITEMS[0], EDITED))
    assert direct("GET", QUEUE) == b"something else"

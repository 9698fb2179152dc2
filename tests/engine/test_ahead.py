"""What is sent ahead is answered when it is asked for, whatever happens in between."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.direct import Direct

from queuecore import windows
from queuecore.address import parse_url
from queuecore.ahead import AheadStore
from queuecore.errors import Refused
from queuecore.exchange import Exchange, single

KEY = b"resque:queue:q"


@pytest.fixture
def store(redis_url: str) -> Iterator[AheadStore]:
    opened = AheadStore(parse_url(redis_url), timeout_s=10, client_name="ahead")
    yield opened
    opened.close()


def length() -> Exchange[int]:
    return single(("LLEN", KEY), int)


def announcing(later: Exchange[Any]) -> Exchange[None]:
    return Exchange((), lambda _: None, ahead=later)


def push(direct: Direct) -> None:
    direct("RPUSH", KEY, "job")


def test_an_answer_is_of_the_time_when_its_exchange_was_sent_ahead(
    store: AheadStore, direct: Direct
) -> None:
    later = length()
    store.run(announcing(later))
    # The server answers in turn: by now it has seen what came first.
    assert store.run(single(("ECHO", "x"), bytes)) == b"x"
    push(direct)
    assert store.run(later) == 0
    assert store.run(later) == 1


def test_others_that_come_first_get_their_own_answers(store: AheadStore, direct: Direct) -> None:
    push(direct)
    later = single(("LRANGE", KEY, 0, -1), list)
    store.run(announcing(later))
    assert store.run(windows.append(KEY, b"second")) == 2
    assert store.run(length()) == 2
    assert store.run(later) == [b"job"]


def test_what_is_announced_and_never_asked_for_disturbs_no_other(
    store: AheadStore, direct: Direct
) -> None:
    for _ in range(3):
        store.run(announcing(length()))
    push(direct)
    assert store.run(length()) == 1
    assert direct("CLIENT", "LIST").count(b"name=ahead") == 1


def test_after_the_connection_was_lost_it_is_sent_again(store: AheadStore, direct: Direct) -> None:
    later = length()
    store.run(announcing(later))
    store.close()
    push(direct)
    assert store.run(later) == 1


def test_a_server_that_has_closed_the_connection_is_asked_again(
    store: AheadStore, direct: Direct
) -> None:
    later = single(("BLPOP", b"resque:none", 5), lambda reply: reply)
    store.run(announcing(later))
    direct("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    direct("RPUSH", b"resque:none", "there")
    assert store.run(later) == [b"resque:none", b"there"]


def test_a_refusal_is_raised_where_the_answer_is_asked_for(
    store: AheadStore, direct: Direct
) -> None:
    direct("SET", KEY, "a text")
    later = length()
    store.run(announcing(later))
    assert store.run(single(("ECHO", "x"), bytes)) == b"x"
    with pytest.raises(Refused):
        store.run(later)


def test_a_script_that_the_server_does_not_know_is_sent_in_full(
    store: AheadStore, direct: Direct
) -> None:
    push(direct)
    direct("SCRIPT", "FLUSH")
    later = windows.window(KEY, 0, -1, max_bytes=100)
    store.run(announcing(later))
    assert [item.raw for item in store.run(later).items] == [b"job"]

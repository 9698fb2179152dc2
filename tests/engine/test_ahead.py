"""What is sent ahead is answered when it is asked for, whatever happens in between."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.direct import Direct

from queuecore import windows
from queuecore.address import parse_url
from queuecore.ahead import AheadStore
from queuecore.errors import Refused, WrongType
from queuecore.exchange import Exchange, single
from queuecore.stores import Store
from queuecore.turning import Turn
from queuecore.values import replace
from queuecore.windows import Stretch
from resque.keys import Keys

KEY = b"resque:queue:q"


@pytest.fixture
def store(redis_url: str) -> Iterator[AheadStore]:
    opened = AheadStore(parse_url(redis_url), timeout_s=10, client_name="ahead")
    yield opened
    opened.close()


@pytest.fixture
def plain(redis_url: str) -> Iterator[Store]:
    """A store that reads by scripts."""
    with Store(redis_url) as opened:
        yield opened


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


def test_what_is_to_be_done_meanwhile_is_done_before_it_waits_for_the_answer(
    store: AheadStore, direct: Direct
) -> None:
    waiting = single(("BLPOP", KEY, 5), lambda reply: reply)
    waiting = replace(waiting, meanwhile=lambda: push(direct))
    assert store.run(waiting) == [KEY, b"job"]
    assert store.run(length()) == 0


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


# Parts of lists are read without a script, where that tells the same.

ITEMS = [b"%d " % number * 50 for number in range(60)]


def scripts_run(direct: Direct) -> bool:
    """Whether any script was run since the statistics were reset."""
    return b"cmdstat_evalsha" in direct("INFO", "commandstats")


def read_by_both(
    store: AheadStore, plain: Store, first: int, last: int, max_bytes: int = 1_000
) -> Stretch:
    """What a script gives, after it was seen that this store gives the same."""
    part = windows.stretch(KEY, first, last, max_bytes=max_bytes)
    expected = plain.run(part)
    assert store.run(part) == expected
    ahead = windows.stretch(KEY, first, last, max_bytes=max_bytes)
    store.run(announcing(ahead))
    assert store.run(ahead) == expected
    return expected


@pytest.mark.parametrize(("first", "last"), [(0, 9), (-5, -1), (55, 99), (70, 80)])
def test_a_part_of_a_list_is_read_without_a_script(
    store: AheadStore, direct: Direct, first: int, last: int
) -> None:
    direct("RPUSH", KEY, *ITEMS)
    direct("CONFIG", "RESETSTAT")
    part = store.run(windows.stretch(KEY, first, last, max_bytes=1_000))
    assert part.length == len(ITEMS)
    assert part.replies == (ITEMS[first:] if first < 0 else ITEMS[first : last + 1])
    assert not scripts_run(direct)


def test_long_items_come_cut_as_by_the_script(
    store: AheadStore, plain: Store, direct: Direct
) -> None:
    direct("RPUSH", KEY, *ITEMS, b"x" * 2_000, "\u00e9".encode() * 700)
    cut = read_by_both(store, plain, -4, -1).replies
    assert [isinstance(each, bytes) for each in cut] == [True, True, False, False]


def test_a_list_that_is_turned_is_read_in_its_order(
    store: AheadStore, plain: Store, direct: Direct
) -> None:
    direct("RPUSH", KEY, *ITEMS)
    turn = Turn(Keys(), KEY, None)
    plain.run(turn.begin())
    plain.run(turn.take((), 20, (), (0, 0)))
    assert direct("LRANGE", KEY, 0, -1) != ITEMS
    assert read_by_both(store, plain, 0, -1).replies == ITEMS
    plain.run(turn.end())
    assert read_by_both(store, plain, 0, -1).replies == ITEMS


def test_an_answer_that_is_too_long_is_left_and_the_script_cuts_it(
    store: AheadStore, plain: Store, direct: Direct, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "_LIGHTER_BYTES", 100_000)
    direct("RPUSH", KEY, *ITEMS, *[b"x" * 50_000] * 9)
    seen = read_by_both(store, plain, -10, -1)
    assert [isinstance(each, bytes) for each in seen.replies] == [True] + [False] * 9


def test_a_key_of_another_kind_is_refused(store: AheadStore, direct: Direct) -> None:
    direct("SET", KEY, "a text")
    with pytest.raises(WrongType):
        store.run(windows.stretch(KEY, 0, -1, max_bytes=10))


def test_a_user_who_lacks_the_right_to_a_transaction_reads_by_the_script(
    redis_url: str, plain: Store, direct: Direct
) -> None:
    direct("RPUSH", KEY, *ITEMS)
    direct("ACL", "SETUSER", "reader", "on", ">secret", "~*", "&*", "+@all", "-multi")
    url = redis_url.replace("://", "://reader:secret@")
    reader = AheadStore(parse_url(url), timeout_s=10, client_name="ahead")
    try:
        assert read_by_both(reader, plain, 0, -1).replies == ITEMS
    finally:
        reader.close()
        direct("ACL", "DELUSER", "reader")


# Work is done while an answer is awaited.


def test_work_is_done_after_the_commands_were_sent_and_before_the_answer(
    store: AheadStore, direct: Direct
) -> None:
    taken = single(("BLPOP", KEY, 5), lambda reply: reply)
    # Without what is pushed there would be no answer.
    assert store.run(replace(taken, meanwhile=lambda: push(direct))) == [KEY, b"job"]
    assert store.run(length()) == 0


def test_work_that_fails_leaves_no_answer_for_others(store: AheadStore, direct: Direct) -> None:
    def fail() -> None:
        raise RuntimeError("no work")

    for each in (replace(length(), meanwhile=fail), replace(length(), meanwhile=fail)):
        with pytest.raises(RuntimeError, match="no work"):
            store.run(each)
    push(direct)
    assert store.run(single(("ECHO", "x"), bytes)) == b"x"
    assert store.run(length()) == 1

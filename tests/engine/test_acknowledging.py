"""Acknowledgements of incidents: one hash that all consoles share."""

from __future__ import annotations

import pytest
from tests.support.direct import Direct

from queuecore import acknowledging
from queuecore.acknowledging import MOST_S, acknowledge, forget, read
from queuecore.codec import encode
from queuecore.health import Acknowledgement
from queuecore.stores import Store
from queuecore.values import replace
from resque.keys import Keys

pytestmark = pytest.mark.redis

KEYS = Keys("resque")
HASH = "resque:qtop:acknowledged"
NOW_S = 1_800_000_000.0
MAIL = Acknowledgement(
    ("queues", "unserved", "mail"), "crit", "ann@desk", "deploy", NOW_S, NOW_S + 900
)


def known(store: Store) -> list[Acknowledgement]:
    return [replace(each, stored=None) for each in store.run(read(KEYS))]


def test_what_one_console_acknowledged_another_reads(store: Store, direct: Direct) -> None:
    assert known(store) == []
    assert store.run(acknowledge(KEYS, MAIL))
    assert known(store) == [MAIL]
    later = replace(MAIL, reason="still deploying", ends_with_it=True)
    assert store.run(acknowledge(KEYS, later))
    assert known(store) == [later]
    assert store.run(forget(KEYS, MAIL.key))
    assert direct("EXISTS", HASH) == 0


def test_names_that_are_no_utf8_keep_their_identity(store: Store) -> None:
    odd = replace(MAIL, key=("queues", "unserved", "m\udcff"))
    store.run(acknowledge(KEYS, odd))
    assert known(store) == [odd]
    store.run(forget(KEYS, odd.key))
    assert known(store) == []


def test_what_has_expired_is_forgotten_at_the_next_one_unless_it_was_renewed(store: Store) -> None:
    jobs = replace(MAIL, key=("jobs", "long", "Report"))
    for each in (MAIL, jobs):
        store.run(acknowledge(KEYS, each))
    seen = store.run(read(KEYS))
    renewed = replace(jobs, until=NOW_S + 5_000)
    store.run(acknowledge(KEYS, renewed))
    other = replace(MAIL, key=("server", "slow", ""), at=NOW_S + 1_000, until=NOW_S + 2_000)
    store.run(acknowledge(KEYS, other, seen))
    assert {each.key: each for each in known(store)} == {renewed.key: renewed, other.key: other}


def test_nothing_is_acknowledged_for_ever(store: Store) -> None:
    store.run(acknowledge(KEYS, replace(MAIL, until=NOW_S * 10)))
    assert [each.until for each in known(store)] == [NOW_S + MOST_S]


def test_there_are_not_more_than_all_consoles_can_read(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acknowledging, "MOST", 1)
    assert store.run(acknowledge(KEYS, MAIL))
    assert not store.run(acknowledge(KEYS, replace(MAIL, key=("jobs", "long", "A"))))
    assert store.run(acknowledge(KEYS, replace(MAIL, reason="again")))


_SAID = b'{"severity":"crit","who":"w","reason":%s,"at":%s,"until":%s}'


@pytest.mark.parametrize(
    ("field", "text"),
    [
        (b"no json", _SAID % (b'""', b"1", b"2")),
        (b'["a","b"]', _SAID % (b'""', b"1", b"2")),
        (b'["a","b","c"]', b"[]"),
        (b'["a","b","c"]', _SAID % (b"1", b"1", b"2")),
        (b'["a","b","c"]', _SAID % (b'""', b"true", b"2")),
        (b'["a","b","c"]', _SAID % (b'""', b"1", b"1e999")),
        (b'["a","b","c"]', _SAID % (b'""', b"1", b"9" * 400)),
    ],
)
def test_what_makes_no_sense_acknowledges_nothing(
    store: Store, direct: Direct, field: bytes, text: bytes
) -> None:
    direct("HSET", HASH, field, text)
    assert known(store) == []


def test_of_a_text_of_any_length_so_much_is_read_as_consoles_show(
    store: Store, direct: Direct
) -> None:
    text = encode(
        {"severity": "crit", "who": "w" * 9_999, "reason": "r" * 9_999, "at": 1, "until": 2}
    )
    direct("HSET", HASH, b'["a","b","c"]', text)
    [found] = known(store)
    assert len(found.who) == len(found.reason) == acknowledging.MOST_REASON

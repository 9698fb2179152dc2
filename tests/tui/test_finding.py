"""The queue systems of a database are found under the names that they usually have, and under
others by a search; what cannot be looked at is unknown."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import TypeVar

import pytest
from tests.support.direct import Direct
from tests.support.rights import a_user
from tests.support.sidekiq_databases import SIDEKIQS_JOB, mixed, resque, sidekiq

from qtop.config.places import PlaceOptions, labelled
from qtop.systems.finding import FoundPlaces, Sought, first_look, search
from queuecore.address import parse_url
from queuecore.exchange import Steps
from queuecore.reading import reading_only
from queuecore.stores import Store

T = TypeVar("T")
Seek = Callable[..., FoundPlaces]


@pytest.fixture
def trips() -> list[int]:
    """How many exchanges with commands each look took."""
    return []


@pytest.fixture
def seek(redis_url: str, trips: list[int]) -> Seek:
    """Looks for systems, and with `far` also searches."""

    def counted(steps: Steps[T]) -> Steps[T]:
        trips.append(0)
        result = None
        while True:
            try:
                exchange = steps.send(result)
            except StopIteration as stop:
                found: T = stop.value
                return found
            trips[-1] += 1
            result = yield exchange

    def seeking(
        namespace: str = "resque",
        *,
        url: str = redis_url,
        far: bool = False,
        is_named: bool = False,
    ) -> FoundPlaces:
        sought = Sought(parse_url(url), namespace, is_named, url=url)
        with closing(Store(url)) as store:
            found = store.run(reading_only(counted(first_look(sought))))
            return store.run(reading_only(search(sought, found))) if far else found

    return seeking


def places(found: FoundPlaces) -> list[tuple[str, str, str]]:
    return [(each.label, each.system, each.namespace) for each in found.places]


RESQUE, SIDEKIQ = ("resque", "resque", "resque"), ("sidekiq", "sidekiq", "")


def test_both_are_found_under_their_usual_names_in_one_round_trip(
    direct: Direct, seek: Seek, trips: list[int]
) -> None:
    sidekiq(direct)
    resque(direct)
    found = seek()
    assert places(found) == [RESQUE, SIDEKIQ]
    assert (found.notes, dict(found.unread), trips) == ((), {}, [1])


def test_resque_alone_takes_one_round_trip(direct: Direct, seek: Seek, trips: list[int]) -> None:
    resque(direct)
    assert places(seek()) == [RESQUE]
    direct("FLUSHALL")
    direct("SADD", "resque:queues", "mail")
    assert places(seek()) == [RESQUE]
    assert trips == [1, 1]


def test_sidekiq_is_known_by_a_job_that_waits(direct: Direct, seek: Seek, trips: list[int]) -> None:
    direct("SADD", "queues", "mail")
    direct("LPUSH", "queue:mail", SIDEKIQS_JOB)
    assert places(seek()) == [SIDEKIQ]
    assert trips == [2]


def test_where_nothing_is_it_is_resques_and_empty(seek: Seek) -> None:
    found = seek(far=True)
    assert (places(found), found.is_empty, found.is_complete) == ([RESQUE], True, True)


def test_sidekiq_in_the_namespace_of_resque_is_no_resque(direct: Direct, seek: Seek) -> None:
    sidekiq(direct, prefix="resque:")
    assert places(seek()) == [("sidekiq", "sidekiq", "resque")]


def test_a_namespace_that_both_share_is_both_and_said(direct: Direct, seek: Seek) -> None:
    mixed(direct)
    found = seek()
    assert places(found) == [RESQUE, ("sidekiq", "sidekiq", "resque")]
    assert len(found.notes) == 1
    assert "share 'resque'" in found.notes[0]


def test_what_may_be_sidekiq_is_said_and_not_opened(direct: Direct, seek: Seek) -> None:
    direct("ZADD", "retry", 1, "no JSON")
    found = seek()
    assert found.is_empty
    assert "perhaps Sidekiq" in found.notes[0]


def test_a_search_finds_other_namespaces_and_only_those(direct: Direct, seek: Seek) -> None:
    sidekiq(direct, prefix="shop:")
    direct("SADD", "old:queues", "a")
    direct("SADD", "old:workers", "web:1:a")
    direct("SADD", "strange:queues", "a")
    resque(direct)
    found = seek(far=True)
    assert places(found) == [
        ("resque", "resque", "resque"),
        ("resque:old", "resque", "old"),
        ("sidekiq", "sidekiq", "shop"),
    ]
    assert found.is_complete


def test_more_namespaces_than_are_looked_at_are_unknown(direct: Direct, seek: Seek) -> None:
    for number in range(101):
        direct("SADD", f"ns{number:03}:processes", "vm:1:0123456789ab")
    found = seek(far=True)
    assert (len(found.places), found.is_complete) == (100, False)
    assert list(found.unread) == ["other namespaces"]


def test_only_a_namespace_that_was_named_is_looked_at(direct: Direct, seek: Seek) -> None:
    sidekiq(direct, prefix="shop:")
    resque(direct)
    assert places(seek("shop", is_named=True, far=True)) == [("sidekiq", "sidekiq", "shop")]
    assert places(seek("resque", is_named=True, far=True)) == [RESQUE]


def test_what_a_user_may_not_read_is_unknown_and_not_missing(
    direct: Direct, redis_url: str, seek: Seek
) -> None:
    sidekiq(direct)
    resque(direct)
    with a_user(direct, redis_url, "~resque:*", "+@all") as url:
        found = seek(url=url)
    assert places(found) == [RESQUE]
    assert list(found.unread) == ["sidekiq (no prefix)"]


def place(system: str, host: str, namespace: str, label: str = "") -> PlaceOptions:
    url = f"redis://{host}:1/0"
    return PlaceOptions(label, system, parse_url(url), namespace, url)


@pytest.mark.parametrize(
    ("found", "labels"),
    [
        ([("resque", "a", "r"), ("sidekiq", "a", "")], ["resque", "sidekiq"]),
        ([("sidekiq", "a", ""), ("sidekiq", "a", "x")], ["sidekiq", "sidekiq:x"]),
        (
            [("sidekiq", "a", ""), ("sidekiq", "b", "")],
            ["sidekiq@redis://a:1/0", "sidekiq@redis://b:1/0"],
        ),
        ([("sidekiq", "a", "", "mails"), ("sidekiq", "b", "")], ["mails", "sidekiq"]),
        ([("sidekiq", "a", ""), ("sidekiq", "a", "")], ["sidekiq"]),
    ],
)
def test_a_label_is_as_short_as_it_tells_places_apart(
    found: list[tuple[str, str, str]], labels: list[str]
) -> None:
    named = labelled([place(*each) for each in found])
    assert [each.label for each in named] == labels

"""Names as labels, which queues have series, and what is counted from poll to poll."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.derived import fleets
from tests.support.known import known
from tests.support.sample_data import queue, snapshot

from qtop.monitor.changes import Flow
from qtop.monitor.open_metrics import FlowCounter, kept_queues, label_text
from qtop.monitor.rows import QueueRow

#: Names as they are read from Redis: any bytes.
NAMES = st.binary(max_size=300).map(lambda raw: raw.decode("utf-8", "surrogateescape"))


def rows(**depths: int | None) -> list[QueueRow]:
    found = snapshot([queue(name, depth) for name, depth in depths.items()])
    return list(known(fleets(found)[-1].queues))


@given(st.lists(NAMES | st.sampled_from(["\\xff", "\\\\xff", "\udcff", "\\\udcff"]), unique=True))
def test_different_names_are_different_labels_of_valid_text(names: list[str]) -> None:
    labels = [label_text(name) for name in names]
    assert len(set(labels)) == len(names)
    assert all(label.encode("utf-8") is not None and len(label) <= 200 for label in labels)


@pytest.mark.parametrize("name", ["", "mail", "with space", "ä😀", "back\\slash", 'quote"'])
def test_an_ordinary_name_is_its_own_label(name: str) -> None:
    assert label_text(name) == name


def test_long_names_that_begin_alike_stay_apart() -> None:
    first, second = "x" * 1_000 + "a", "x" * 1_000 + "b"
    assert label_text(first) != label_text(second)


def test_the_longest_queues_have_series_and_keep_them() -> None:
    kept = kept_queues(rows(a=1, b=3, c=2, d=None), (), 2)
    assert kept == ("b", "c")
    # Series that come and go with each poll would be useless.
    assert kept_queues(rows(a=9, b=0, c=0, d=9), kept, 2) == ("b", "c")
    assert kept_queues(rows(a=9, c=0, d=8), kept, 2) == ("c", "a"), "what is gone makes room"


def test_all_queues_have_series_where_there_is_room_and_none_without() -> None:
    assert set(kept_queues(rows(a=1, b=2), (), 5)) == {"a", "b"}
    assert kept_queues(rows(a=1, b=2), (), 0) == ()


def test_jobs_are_added_up_as_long_as_their_queue_exists() -> None:
    counter = FlowCounter()
    counter.add({"a": Flow(1.0, 3, 1, False)}, ["a", "b"])
    counter.add({"a": Flow(1.0, 2, 4, False), "b": Flow(1.0, 1, 0, False)}, ["a", "b"])
    before = counter.totals
    assert before == {"a": (5, 5), "b": (1, 0)}
    counter.add({}, ["a"])
    assert counter.totals == {"a": (5, 5)}
    assert before == {"a": (5, 5), "b": (1, 0)}, "a scrape may still read it"

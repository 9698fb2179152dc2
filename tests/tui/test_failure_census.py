"""Figures of all failures, once the whole list was gone through, instead of those of the newest."""

from datetime import timedelta

from tests.support.derived import fleets
from tests.support.known import known
from tests.support.sample_data import NOW, failure, queue, snapshot

from qtop.model.job import GroupKey, JobRow
from qtop.monitor.failure_census import (
    CountedGroup,
    FailureCensus,
    brought_up_to_date,
    census_groups,
    with_queue_figures,
)
from qtop.monitor.rows import FleetRows, GroupMemory

OLD = GroupKey("OldJob", "Timeout", "long ago", "")


def poll(failed: int, *minutes: int) -> FleetRows:
    """A poll that read the newest failures, of so many minutes ago, with so many in the list."""
    look = snapshot([queue("mail", 1)], failures=[failure(each) for each in minutes], failed=failed)
    return fleets(look)[0]


def census(fleet: FleetRows, total: int) -> FailureCensus:
    """900 failures of a class that has none among the newest, and the rest of those that are."""
    key = key_of(known(fleet.failures)[0])
    groups = (CountedGroup(OLD, 900, NOW - timedelta(days=1)), CountedGroup(key, total - 900, NOW))
    return FailureCensus(groups, {"mail": total - 900, "old": 900}, True, total, NOW)


def key_of(row: JobRow) -> GroupKey:
    memory = GroupMemory()
    memory.note([row])
    return memory.of(row)


def test_failures_that_came_since_are_added_to_their_group() -> None:
    before = poll(902, 10, 20)
    after = poll(903, -5, 10, 20)
    found = known(brought_up_to_date(census(before, 902), after, key_of))
    assert [each.number for each in found.groups] == [900, 3]
    assert (found.total, found.queues["old"]) == (903, 900)


def test_groups_without_a_failure_among_the_newest_keep_their_place_and_their_age() -> None:
    fleet = poll(902, 10, 20)
    memory = GroupMemory()
    memory.note(known(fleet.failures))
    newest = memory.groups(known(fleet.failures))
    groups = census_groups(census(fleet, 902), newest, NOW)
    assert [(each.number, each.newest is None) for each in groups] == [(900, True), (2, False)]
    assert groups[0].last_s == 86_400


def test_a_list_that_became_shorter_is_not_known_any_more() -> None:
    before = poll(902, 10, 20)
    assert brought_up_to_date(census(before, 902), poll(901, 10), key_of) is None


def test_a_list_of_which_some_left_while_others_came_is_not_known_any_more() -> None:
    before = poll(902, 10, 20)
    # As long as before, but the newest is one that came later.
    assert brought_up_to_date(census(before, 902), poll(902, -30, 10), key_of) is None


def test_more_new_failures_than_a_poll_reads_make_it_unknown() -> None:
    before = poll(902, 10, 20)
    assert brought_up_to_date(census(before, 902), poll(950, -1, -2), key_of) is None


def test_the_failures_of_a_queue_are_those_of_the_whole_list() -> None:
    fleet = poll(902, 10, 20)
    [row] = known(with_queue_figures(fleet, census(fleet, 902)).queues)
    assert (row.failed, row.failed_is_all) == (2, True)
    assert with_queue_figures(fleet, None) is fleet

"""Two polls make rates, states and histories; unknown stays unknown."""

import math
import time
from datetime import timedelta
from typing import Any

import pytest
from tests.support.derived import fleets
from tests.support.known import known
from tests.support.sample_data import NOW, SYSTEM, failure, queue, snapshot, worker

from qtop.model.fleet import Snapshot
from qtop.monitor import row_text
from qtop.monitor.row_builder import RowBuilder
from qtop.monitor.rows import QueueRow, WorkerRow
from qtop.systems.resque.job_reader import failed_job, failure_job
from qtop.text import format
from queuecore.active_job import WRAPPER
from queuecore.fleet import RunningJob
from queuecore.values import replace
from queuecore.windows import Item, whole
from resque.codec import encode
from resque.store.failures import read
from resque.store.workers import read_as, read_beginning


def last_queue(*snapshots: Snapshot, every_s: float = 1.0) -> QueueRow:
    return known(fleets(*snapshots, every_s=every_s)[-1].queues)[0]


def only_worker(state: Any) -> WorkerRow:
    return known(fleets(snapshot(workers=[state]))[0].workers)[0]


def test_the_first_poll_knows_no_rates() -> None:
    row = last_queue(snapshot([queue("mail", 5)]))
    assert (row.rates.in_per_s, row.rates.out_per_s, row.empty_in_s) == (None, None, None)


def test_known_pushes_and_the_change_of_depth_give_both_rates() -> None:
    row = last_queue(
        snapshot([queue("mail", 100)]), snapshot([queue("mail", 90, pushed=4)]), every_s=2.0
    )
    assert (row.rates.in_per_s, row.rates.out_per_s) == (2.0, 7.0)
    assert not row.rates.is_estimate
    assert row.empty_in_s == 90 / 5


def test_rates_are_those_of_the_last_ten_seconds() -> None:
    quiet = [snapshot([queue("mail", 50, pushed=0)]) for _ in range(30)]
    busy = [snapshot([queue("mail", 50, pushed=10)]) for _ in range(11)]
    assert last_queue(*quiet, *busy).rates.in_per_s == 10.0
    assert last_queue(*busy, *quiet).rates.in_per_s == 0.0


def test_jobs_pushed_at_the_head_make_no_rate_negative() -> None:
    row = last_queue(snapshot([queue("mail", 5)]), snapshot([queue("mail", 9, pushed=0)]))
    assert (row.rates.in_per_s, row.rates.out_per_s) == (4.0, 0.0)


def test_a_queue_that_workers_emptied_drops_and_makes_no_rate_negative() -> None:
    hand = [worker("h:1:mail")]
    row = last_queue(
        snapshot([queue("mail", 500)], hand),
        snapshot([queue("mail", 0)], hand, processed_ever=1_500),
    )
    assert (row.rates.in_per_s, row.rates.out_per_s) == (0.0, 500.0)
    assert row.empty_in_s == 0
    assert not row.drops


def test_unknown_pushes_are_estimated_from_workers_of_one_queue() -> None:
    before = snapshot([queue("mail", 10)], [worker("h:1:mail", processed=5)])
    after = snapshot([queue("mail", 9)], [worker("h:1:mail", processed=8)])
    rates = last_queue(before, after).rates
    assert (rates.in_per_s, rates.out_per_s, rates.is_estimate) == (2.0, 3.0, True)


def test_the_running_job_counts_as_taken() -> None:
    before = snapshot([queue("mail", 10)], [worker("h:1:mail", processed=5)])
    after = snapshot([queue("mail", 9)], [worker("h:1:mail", processed=5, on="mail")])
    rates = last_queue(before, after).rates
    assert (rates.in_per_s, rates.out_per_s) == (0.0, 1.0)


def test_a_record_names_which_of_several_queues_a_worker_took_from() -> None:
    mail, low = queue("mail", 10), queue("low", 7)
    before = snapshot([mail, low], [worker("h:1:mail,low", processed=5, on="mail")])
    after = snapshot([replace(mail, size=8), low], [worker("h:1:mail,low", processed=7, on="mail")])
    mail_row, low_row = known(fleets(before, after)[-1].queues)
    assert mail_row.rates.out_per_s == 2.0
    assert low_row.rates.out_per_s == 0.0


def test_a_worker_of_several_queues_that_names_none_makes_them_unknown() -> None:
    before = snapshot([queue("low", 1), queue("mail", 10)], [worker("h:1:*", processed=5)])
    after = snapshot([queue("low", 1), queue("mail", 9)], [worker("h:1:*", processed=8)])
    assert last_queue(before, after).rates.out_per_s is None


def test_a_worker_that_left_makes_its_queues_unknown() -> None:
    before = snapshot([queue("mail", 10)], [worker("h:1:mail", processed=5)])
    assert last_queue(before, snapshot([queue("mail", 9)])).rates.out_per_s is None


def test_two_polls_at_the_same_moment_make_no_rate() -> None:
    row = last_queue(snapshot([queue("m", 1)]), snapshot([queue("m", 9, pushed=8)]), every_s=0.0)
    assert row.rates.in_per_s is None


@pytest.mark.parametrize(
    ("before", "after", "pushed", "words"),
    [
        (10, 10, 5, "steady"),
        (10, 15, 5, "never"),
        (10, 10, 0, "never"),
        (0, 0, 0, "empty"),
        (30, 20, 0, "2 s"),
    ],
)
def test_time_to_empty_in_words(before: int, after: int, pushed: int, words: str) -> None:
    row = last_queue(
        snapshot([queue("mail", before)]), snapshot([queue("mail", after, pushed=pushed)])
    )
    assert row_text.empty_in(row) == words


def test_depths_are_kept_for_the_last_sixty_polls() -> None:
    row = last_queue(*(snapshot([queue("mail", size)]) for size in range(100)))
    assert row.depths == tuple(range(40, 100))


def test_a_queue_that_vanishes_and_returns_starts_again() -> None:
    history = RowBuilder(SYSTEM)
    history.add(snapshot([queue("mail", 5)]), 0.0)
    history.add(snapshot(), 1.0)
    assert known(history.add(snapshot([queue("mail", 6)]), 2.0).queues)[0].depths == (6,)


def test_serving_workers_are_found_by_name_and_by_pattern_but_not_among_the_dead() -> None:
    rows = fleets(
        snapshot(
            [queue("mail", 1), queue("mail:eu", 1), queue("low", 1)],
            [
                worker("h:1:mail"),
                worker("h:2:mail*"),
                worker("h:3:*", beat_age_s=500),
                worker("h:4:"),
                worker("not an id"),
            ],
        )
    )[0].queues
    assert [(row.name, row.serving) for row in known(rows)] == [
        ("mail", 2),
        ("mail:eu", 1),
        ("low", 0),
    ]
    assert [row.is_unserved for row in known(rows)] == [False, False, True]


def test_running_jobs_and_failures_are_counted_for_their_queue() -> None:
    look = snapshot(
        [queue("mail", 1)],
        [worker("h:1:*", on="mail"), worker("h:2:*", on="low")],
        [failure(1), failure(2), failure(3, queue="low")],
    )
    row = known(fleets(look)[0].queues)[0]
    assert (row.in_hand, row_text.queue_failed(row)) == (1, "2")


def test_a_count_of_partly_read_failures_is_a_lower_bound() -> None:
    look = snapshot([queue("mail", 1), queue("low", 1)], [], [failure(1)], failed=5_000)
    assert [row_text.queue_failed(row) for row in known(fleets(look)[0].queues)] == [
        "1+",
        format.NOTHING,
    ]


@pytest.mark.parametrize(
    ("state", "condition"),
    [
        (worker("h:1:q"), "idle"),
        (worker("h:1:q", on="q"), "working"),
        (worker("h:1:q", on="q", beat_age_s=121), "silent"),
        (worker("h:1:q", on="q", beat_age_s=301), "dead?"),
        (worker("h:1:q", beat_age_s=None), "no heartbeat"),
        (worker("h:1:q", beat_age_s=-500), "idle"),
    ],
)
def test_the_state_of_a_worker_comes_from_its_heartbeat_and_record(
    state: Any, condition: str
) -> None:
    assert only_worker(state).condition == condition


def test_the_time_on_a_job_is_unknown_when_it_began_in_the_future_or_never() -> None:
    ahead = (NOW + timedelta(minutes=9)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert only_worker(worker("h:1:q", on="q")).elapsed_s == 42
    assert only_worker(worker("h:1:q", on="q", run_at=ahead)).elapsed_s is None
    assert only_worker(worker("h:1:q", on="q", run_at="soon")).elapsed_s is None


def test_only_processes_of_this_host_that_were_started_here_are_local() -> None:
    look = snapshot(workers=[worker("here:7:q"), worker("there:7:q"), worker("here:8:q")])
    rows = RowBuilder(SYSTEM, local_host="here").add(look, 0.0, local_pids={7}).workers
    assert [row.is_local for row in known(rows)] == [True, False, False]


def test_a_wrapped_active_job_is_shown_by_its_own_class() -> None:
    wrapped = [{"job_class": "WelcomeJob", "arguments": [17, "x"]}]
    row = only_worker(worker("h:1:q", on="q", job=(WRAPPER, wrapped)))
    assert row_text.worker_job(row) == 'WelcomeJob [17,"x"]'


def test_an_unreadable_record_says_so() -> None:
    row = only_worker(replace(worker("h:1:q"), jobs=(read_as(RunningJob, b"{"),)))
    assert row_text.worker_job(row).startswith("unreadable: ")


def test_failures_with_the_same_bytes_have_keys_of_their_own_that_stay() -> None:
    twins = [failure(1), failure(1), failure(2)]
    before = known(fleets(snapshot(failures=twins))[0].failures)
    after = known(fleets(snapshot(failures=[failure(1), *twins]))[0].failures)
    assert len({row.key for row in before}) == 3
    assert [row.key for row in after[1:]] == [row.key for row in before]


def test_an_unreadable_failure_is_a_row_with_its_reason() -> None:
    row = known(fleets(snapshot(failures=[read(whole(b"[1]"), -1)]))[0].failures)[0]
    assert row_text.class_of(row.job) == "unreadable"
    assert row_text.error_of(row.job) == "not a JSON object"


def test_a_large_entry_is_called_large_and_not_unreadable() -> None:
    raw = b'{"failed_at":"2026/11/23 12:00:00 UTC","payload":{"class":"Big","args":["'
    told = failed_job(Item(raw + b"x" * 10, 200_000, "0" * 40), -1)
    assert row_text.class_of(told) == "Big"
    assert row_text.error_of(told) == "too large to list (200,000 bytes)"
    assert row_text.class_of(failed_job(Item(b'{"payload":', 200_000, "0" * 40), -1)) == "(large)"
    record = b'{"queue":"q","payload":{"class":"Big","args":["xx'
    row = only_worker(replace(worker("h:1:q"), jobs=(read_beginning(RunningJob, record, 200_000),)))
    assert row_text.worker_job(row) == "Big: too large to list (200,000 bytes)"


def test_the_first_line_of_an_error_is_shown() -> None:
    assert row_text.error_of(failure_job(failure(1))) == "no answer from mx1"


def test_totals_and_jobs_done_each_second_are_shown() -> None:
    snapshots = [
        snapshot([queue("a", 3), queue("b", None)], [worker("h:1:a", on="a")], processed_ever=n)
        for n in (100, 120)
    ]
    totals = fleets(*snapshots, every_s=4.0)[-1].totals
    assert (totals.queues, totals.waiting, totals.working, totals.workers) == (2, 3, 1, 1)
    assert totals.processed_per_s == 5.0


def test_a_statistic_that_was_reset_has_no_rate_until_it_grows_again() -> None:
    totals = [b.totals for b in fleets(*(snapshot(processed_ever=n) for n in (100, 5, 7)))]
    assert [t.processed_per_s for t in totals] == [None, None, 2.0]


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (0, "0"), (0.01, "<0.1"), (3.14159, "3.1"), (42.4, "42"), (1_234.0, "1.23k")],  # noqa: RUF001
)
def test_rates_are_short(value: float | None, text: str) -> None:
    assert format.rate(value) == text


def test_an_estimate_is_marked_unless_it_is_zero() -> None:
    assert format.rate(3.0, is_estimate=True) == "~3.0"
    assert format.rate(0.0, is_estimate=True) == "0"


@pytest.mark.parametrize(
    ("depths", "bars"),
    [
        ([], ""),
        ([None], ""),
        ([0, 0, 0], "▁▁▁"),
        ([70_000, 70_000, 70_001], "▂▂▂"),
        ([1, 2, 3, 4, 5, 6, 7], "▂▃▄▅▆▇█"),
        ([5, None, 0], "█ ▁"),
    ],
)
def test_the_trend_is_low_when_nothing_changes_and_lowest_when_empty(
    depths: list[int | None], bars: str
) -> None:
    assert row_text.trend(depths, len(depths), 60) == bars


def test_the_trend_shows_sixty_polls_in_bars_that_keep_their_places() -> None:
    series = [7, 7, 9, 1] * 40
    bars = {row_text.trend(series[at : at + 60], at + 60, 15)[:-1] for at in range(4)}
    assert bars == {"▂" * 14}


def test_arguments_that_json_cannot_hold_are_shown_anyway() -> None:
    assert format.short_json([math.nan, "\ud800"]).startswith("[nan")
    assert len(format.short_json(["x" * 1_000_000] * 1_000)) < 3_000


def test_moments_are_reported_in_local_time_and_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    for zone, text in (
        ("UTC", "2026-11-23 12:30:00 UTC"),
        ("EST5", "2026-11-23 07:30:00 EST (2026-11-23 12:30:00 UTC)"),
    ):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        assert format.both_times(NOW) == text
    monkeypatch.undo()
    time.tzset()


def test_hostile_names_become_harmless_in_every_cell() -> None:
    evil = "\x1b]52;c;aGk=\x07\u202e\udc80"
    look = snapshot(
        [queue(evil, 1, problem=evil)],
        [worker(f"{evil}:1:{evil}", on=evil, job=(evil, [evil]))],
        [read(whole(encode({"exception": "\x1b[2J", "error": "\x1b", "queue": "\x9b"})), -1)],
    )
    fleet = fleets(look)[0]
    row, failed = known(fleet.workers)[0], known(fleet.failures)[0].job
    texts = [
        row_text.queue_state(known(fleet.queues)[0]),
        row_text.worker_job(row),
        row_text.worker_place(row),
        row_text.worker_queues(row),
        row_text.error_of(failed),
        format.optional(failed.exception),
        format.optional(failed.queue),
    ]
    assert all(text and text.isprintable() for text in texts)


def test_queues_that_appear_without_any_worker_are_unserved() -> None:
    before = snapshot([queue("mail", 1)], [worker("h:1:*")])
    after = snapshot([queue("low", 1), queue("mail", 1)])
    assert [row.serving for row in known(fleets(before, after)[-1].queues)] == [0, 0]

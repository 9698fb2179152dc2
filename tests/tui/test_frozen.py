"""A frozen display is frozen on every screen, and shows its moment."""

from dataclasses import replace
from datetime import timedelta

from tests import words
from tests.support.console import console, screen_lines, screen_text, until, until_gone, until_shown
from tests.support.sample_data import NOW, FakeSystem, failed_job, failure, queue, snapshot, worker

from qtop.model.fleet import Snapshot
from resque.errors import Unreachable

MOMENT = f"FROZEN {NOW.astimezone():%H:%M:%S}"


def at(seconds: int, **more: object) -> Snapshot:
    """A snapshot of a fleet that changes all the time."""
    many = seconds // 60 + 1
    look = snapshot(
        [queue("mail", 10 * many)],
        [worker(f"h:{n}:mail", on="mail") for n in range(many)],
        [failure(1), *(failure(-n) for n in range(1, many))][::-1],
        server_time=NOW + timedelta(seconds=seconds),
    )
    return replace(look, **more)  # type: ignore[arg-type]


async def test_every_figure_of_every_screen_stays_as_it_was_when_frozen() -> None:
    source = FakeSystem(at(0), at(60), at(180), at(600))
    app = console(source, interval_s=1.0)
    async with app.run_test(size=(140, 40)) as pilot:
        seen: dict[str, list[str]] = {}
        keys = ["4", "3", "2", "1"]
        await until_shown(pilot, "10 waiting")
        for key in keys:
            await pilot.press(key)
            await pilot.pause(0.05)
        await pilot.press("f")
        await until_shown(pilot, MOMENT)
        for key in keys:
            await pilot.press(key)
            await pilot.pause(0.05)
            seen[key] = screen_lines(app)
        for left in (2, 1):
            app.poll_now()
            await until(pilot, lambda n=left: len(source.snapshots) == n, "a look")  # type: ignore[misc]
            await pilot.pause(0.05)
            for key in keys:
                await pilot.press(key)
                await pilot.pause(0.05)
                assert screen_lines(app) == seen[key]
        await pilot.press("f")
        await until_gone(pilot, words.FROZEN)


async def test_a_frozen_display_says_that_redis_does_not_answer_now() -> None:
    app = console(FakeSystem(at(0), Unreachable("connection refused")))
    async with app.run_test(size=(140, 30)) as pilot:
        await until_shown(pilot, "10 waiting")
        await pilot.press("f")
        await until_shown(pilot, MOMENT)
        before = screen_lines(app)[1:]
        app.poll_now()
        await until_shown(pilot, "NO ANSWER NOW")
        assert screen_lines(app)[1:] == before


async def test_data_read_after_the_freeze_is_marked_as_later() -> None:
    many = [failed_job(number) for number in range(1, 4)]
    snapshots = [at(0, failures=tuple(many), failed=900), at(60, failures=tuple(many), failed=901)]
    source = FakeSystem(*snapshots)
    source.answers = [[]]
    app = console(source)
    async with app.run_test(size=(140, 30)) as pilot:
        await until_shown(pilot, "10 waiting")
        await pilot.press("f")
        await until_shown(pilot, MOMENT)
        app.poll_now()
        await until(pilot, lambda: app.state.view().is_late, "a later look")
        await pilot.press("7")
        moment = (NOW + timedelta(seconds=60)).astimezone()
        await until_shown(pilot, f"read now, at {moment:%H:%M:%S}")
        await pilot.press("2")
        assert "read now" not in screen_text(app)

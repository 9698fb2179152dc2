"""Keys in any order, on data of any kind, cause no crash, no blank screen, and no escape
sequence."""

import random
from typing import Any, Final

import pytest
from tests.support.console import screen_lines, until_polled
from tests.support.console_redis import KEYS, Redis, on
from tests.support.sample_data import failure
from tests.support.soak import IS_SOAK

from qtop.keymap import keymap
from qtop.text.safe import safe
from queuecore.exchange import single

pytestmark = [pytest.mark.redis, pytest.mark.usefixtures("every_frame")]

EVIL: Final = b"\x1b]52;c;aGk=\x07\x9b31m[/x]\xe2\x80\xae\xff\r\n"
#: Keys that leave, or start processes.
NOT_PRESSED: Final = {"quit", "suspend_process", "start_workers", "log"}
TYPED: Final = ("c", "l", "a", "slash", "quotation_mark", "backspace", "ctrl+s", "left")


async def fill(redis: Redis) -> None:
    """Jobs, failures, workers and schedules, ordinary and odd."""
    odd = [b"", b"[]", b'{"class":5}', b'{"class":"A","args":{"token":"x"}}', EVIL]
    entries = [failure(n, error=EVIL.decode("latin-1")).item.raw for n in range(20)]
    commands: list[tuple[Any, ...]] = [
        ("SADD", KEYS.queues(), b"mail", EVIL),
        ("RPUSH", KEYS.queue("mail"), *odd),
        ("RPUSH", KEYS.queue(EVIL.decode("utf-8", "surrogateescape")), *odd),
        ("RPUSH", KEYS.failed(), *entries, *odd),
        ("SADD", KEYS.workers(), b"box:1:mail", b"box:2:" + EVIL, EVIL),
        ("ZADD", KEYS.delayed_schedule(), b"5", b"5"),
        ("RPUSH", KEYS.delayed("5"), *odd),
        (
            "HSET",
            KEYS.persistent_schedules(),
            EVIL,
            EVIL,
            b"nightly",
            b'{"cron":"0 3 * * *","class":"A"}',
        ),
    ]
    for command in commands:
        await redis.source.run(single(command, int, writes=True))


@pytest.mark.parametrize("seed", range(20 if IS_SOAK else 1))
async def test_any_keys_on_any_data_leave_a_console_that_works(
    redis: Redis, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)
    await fill(redis)
    chance = random.Random(seed)
    keys = [key for each in keymap.ACTIONS if each.id not in NOT_PRESSED for key in each.keys]
    keys = [each for each in keys if each != "ctrl+c"] + ["enter", "escape"] * 8 + list(TYPED)
    app = on(redis)
    async with app.run_test(size=chance.choice([(60, 15), (80, 24), (120, 40)])) as pilot:
        await until_polled(pilot)
        for _ in range(40):
            # Several at once: keys that come too late for a screen must not reach the next one.
            await pilot.press(*chance.choices(keys, k=4))
            lines = screen_lines(app)
            assert any(lines)
            assert [safe(line) for line in lines] == lines
        assert app.is_running

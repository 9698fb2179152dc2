"""The effect of settings on the console: secrets, colours, keys, columns, production, rights."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from tests import words
from tests.support.console import (
    console,
    screen_lines,
    screen_text,
    until,
    until_gone,
    until_screen,
    until_shown,
)
from tests.support.console_redis import Redis
from tests.support.direct import Direct
from tests.support.sample_data import FakeSystem, failure, fleet, queue, snapshot
from textual.pilot import Pilot

from qtop.config.settings import DEFAULTS, Settings
from qtop.screens.dialogs import ConfirmDialog
from qtop.systems.system import OF_COMMANDS
from queuecore.address import parse_url

LEAKY = failure(
    1,
    payload={"class": "Charge", "args": [{"card_token": ["hunter2"], "amount": 5}]},
    error="{:pass_key=>'hunter2'} refused",
)


def settings(profile: str | None = None, *, tables: Any = None, **values: Any) -> Settings:
    return Settings({**DEFAULTS, **values}, tables or {}, {}, profile)


@pytest.fixture
def leaky(redis_url: str) -> str:
    """A Redis with secrets in every place."""
    path = parse_url(redis_url).path
    assert path is not None
    job = {"class": "Charge", "args": [{"secret": "hunter2"}]}
    record = {"queue": "mail", "run_at": "2026-11-23T12:29:18Z", "payload": job}
    entries = [failure(2, error="key=hunter2 at https://bob:hunter2@x/"), LEAKY]
    with Direct(path) as direct:
        direct("SADD", "resque:queues", "mail")
        direct("RPUSH", "resque:queue:mail", json.dumps(job))
        direct("SADD", "resque:workers", "web1:1:mail")
        direct("SET", "resque:worker:web1:1:mail", json.dumps(record))
        for entry in entries:
            direct("RPUSH", "resque:failed", entry.item.raw)
    return redis_url


async def shown(pilot: Pilot[Any]) -> None:
    is_shown = re.compile(r"Queues \d")
    await until(pilot, lambda: bool(is_shown.search(screen_lines(pilot.app)[1])), "a look")


def style_of(pilot: Pilot[Any], text: str) -> Any:
    """The style of the first segment that holds a text."""
    for strip in pilot.app.screen._compositor.render_strips():
        for segment in strip:
            if text in segment.text:
                return segment.style
    raise AssertionError(f"{text!r} is not shown:\n{screen_text(pilot.app)}")


# Secrets


SHOWING = ["1", "2 enter", "2 enter enter", "3", "3 enter", "4 t", "4 t enter", "4 t j enter"]


@pytest.mark.redis
@pytest.mark.parametrize("keys", SHOWING)
async def test_secrets_are_hidden_until_a_key_reveals_them(leaky: str, keys: str) -> None:
    app = console(url=leaky)
    async with app.run_test(size=(240, 50)) as pilot:
        await shown(pilot)
        for key in keys.split():
            await pilot.press(key)
            await until_shown(pilot, "mail" if key in "24" else "[reda")
        assert "hunter2" not in screen_text(app)
        assert words.SECRETS_SHOWN not in screen_text(app)
        await pilot.press("S")
        await until_shown(pilot, "hunter2")
        assert "[reda" not in screen_text(app)
        assert words.SECRETS_SHOWN in screen_lines(app)[0]
        await pilot.press("S")
        await until_shown(pilot, "[reda")
        assert "hunter2" not in screen_text(app)


@pytest.mark.redis
async def test_a_hidden_payload_still_shows_its_size(leaky: str) -> None:
    app = console(url=leaky)
    async with app.run_test(size=(160, 60)) as pilot:
        await shown(pilot)
        await pilot.press("4", "t")
        await until_shown(pilot, ":pass_key")
        await pilot.press("enter")
        await until_shown(pilot, f"Entry as it is in Redis: {LEAKY.item.size:,} bytes")
        assert '"card_token":[redacted],"amount":5' in screen_text(app)


@pytest.mark.redis
async def test_filters_find_what_is_hidden(leaky: str) -> None:
    app = console(url=leaky)
    async with app.run_test(size=(160, 50)) as pilot:
        await shown(pilot)
        await pilot.press("4", "t")
        await until_shown(pilot, "key=[reda")
        await pilot.press("slash", *"args.0.card_token:*hunter2*", "enter")
        await until_gone(pilot, "key=[reda")
        await until_shown(pilot, ":pass_key")


@pytest.mark.redis
async def test_the_key_says_so_where_nothing_is_hidden(leaky: str) -> None:
    app = console(url=leaky, settings=settings(redact=()))
    async with app.run_test(size=(160, 50)) as pilot:
        await shown(pilot)
        await pilot.press("4", "t")
        await until_shown(pilot, "hunter2")
        await pilot.press("S")
        await until_shown(pilot, "nothing is hidden")
        assert words.SECRETS_SHOWN not in screen_text(app)


async def test_the_help_is_shown_whole() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(160, 180)) as pilot:
        await shown(pilot)
        await pilot.press("?")
        await until_shown(pilot, words.EVERYWHERE)
        assert words.REDACTED not in screen_text(app)


# Colours


async def test_the_theme_changes_at_once_and_can_be_set() -> None:
    app = console(FakeSystem(fleet()), settings=settings(theme="light"))
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot)
        await pilot.press("2")
        await until_shown(pilot, "search-index")
        assert app.theme == "qtop-light"
        light = style_of(pilot, "search-index").bgcolor
        app.use_theme("dark")
        await pilot.pause()
        assert app.theme == "qtop-dark"
        assert style_of(pilot, "search-index").bgcolor != light


async def test_the_state_can_be_read_without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = console(
        FakeSystem(snapshot(queues=[queue("mail", 1), queue("low", 0)], is_paused=True)),
        read_only=True,
        settings=settings("prod", production=True),
    )
    async with app.run_test(size=(120, 24)) as pilot:
        await shown(pilot)
        await pilot.press("2")
        await until_shown(pilot, "▌2 Queues")
        assert app.no_color
        for flag in (" PRODUCTION ", " READ-ONLY ", " PAUSED "):
            assert style_of(pilot, flag).reverse, flag
        assert style_of(pilot, "mail").reverse, "the row under the cursor"
        assert not style_of(pilot, "low").reverse
        assert style_of(pilot, " Queues").bold
        assert not style_of(pilot, " Workers").bold


async def test_the_button_with_the_focus_can_be_seen_without_colours() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(100, 24)) as pilot:
        await shown(pilot)
        await pilot.press("2", "P")
        await until_screen(pilot, ConfirmDialog)
        await pilot.pause()
        assert style_of(pilot, words.CANCEL).reverse
        await pilot.press("right")
        await pilot.pause()
        assert not style_of(pilot, words.CANCEL).reverse


# Production


@pytest.mark.redis
async def test_on_production_one_job_needs_a_question_and_many_need_the_name(
    leaky: str, redis: Redis
) -> None:
    app = console(url=leaky, settings=settings("prod", production=True))
    async with app.run_test(size=(100, 30)) as pilot:
        await shown(pilot)
        assert " PRODUCTION " in screen_lines(app)[0]
        await pilot.press("4", "t")
        await until_shown(pilot, ":pass_key")
        await pilot.press("d")
        await until_shown(pilot, words.question("Delete", 1, "failed job"))
        await pilot.press("escape")
        await until_shown(pilot, words.NOTHING_CHANGED)
        await pilot.press("space", "space", "d")
        await until_shown(pilot, f"{words.type_to_go_on('prod')}:")
        await pilot.press(*"pro", "enter")
        assert isinstance(app.screen, ConfirmDialog)
        assert await redis.failed() == 2
        await pilot.press("d", "enter")
        await until_shown(pilot, words.done("deleted", 2))
        assert await redis.failed() == 0
        await pilot.press("2", "p")
        await until_shown(pilot, "Pause mail?")


async def test_the_help_says_which_questions_production_asks() -> None:
    app = console(FakeSystem(fleet()), settings=settings("prod", production=True))
    async with app.run_test(size=(160, 150)) as pilot:
        await shown(pilot)
        await pilot.press("?")
        await until_shown(pilot, words.EVERYWHERE)
        [pause] = [line for line in screen_text(app).splitlines() if words.PAUSE_HELP in line]
        assert "?" in pause.partition(words.PAUSE_HELP)[0]
        assert "at once" not in screen_text(app)


async def test_other_profiles_do_not_say_production() -> None:
    app = console(FakeSystem(fleet()), settings=settings("test"))
    async with app.run_test(size=(100, 30)) as pilot:
        await shown(pilot)
        assert "PRODUCTION" not in screen_text(app)
        assert not app.screen.query_one("#status").has_class("-production")


# Keys and columns


@pytest.mark.redis
async def test_rebound_keys_work_and_the_footer_and_the_help_show_them(
    leaky: str,
) -> None:
    keys = {"delete": ("f8", "f9"), "table.down": ("n",), "help": ("f1",), "show_queues": ("Q",)}
    app = console(url=leaky, settings=settings(tables={"keys": keys}))
    async with app.run_test(size=(160, 150)) as pilot:
        await shown(pilot)
        assert "Q Queues" in screen_lines(app)[1]
        await pilot.press("4", "t")
        await until_shown(pilot, ":pass_key")
        await pilot.press("n", "j", "k", "j")
        assert app.screen.table.rows.cursor_index == 0  # type: ignore[attr-defined]
        assert "f8 delete" in screen_lines(app)[-1]
        assert "f1 help" in screen_lines(app)[-1]
        await pilot.press("space", "space", "d")
        await pilot.pause()
        assert not isinstance(app.screen, ConfirmDialog)
        for key in ("f9", "f8"):
            await pilot.press(key)
            await until_shown(pilot, words.question("Delete", 2, "failed job"))
            await pilot.press("escape")
        await pilot.press("Q")
        assert app.current_mode == "queues"
        await pilot.press("f1")
        await until_shown(pilot, "f8 f9")


async def test_tables_have_the_chosen_columns_in_the_chosen_order() -> None:
    tables = {"columns": {"queues": ("depth", "queue")}}
    app = console(FakeSystem(fleet()), settings=settings(tables=tables))
    async with app.run_test(size=(100, 24)) as pilot:
        await shown(pilot)
        await pilot.press("2")
        await until_shown(pilot, "search-index")
        header, first = (line.strip("│ ").split() for line in screen_lines(app)[3:5])
        assert header == ["waiting▼", "queue"]
        assert first == ["88,231", "search-index"]
        await pilot.press("3")
        assert "processed" in screen_lines(app)[3]


async def test_a_saved_filter_is_typed_by_its_name() -> None:
    tables = {"filters": {"long": "waiting>10k"}}
    app = console(FakeSystem(fleet()), settings=settings(tables=tables))
    async with app.run_test(size=(100, 24)) as pilot:
        await shown(pilot)
        await pilot.press("2", "slash", *"@lo", "tab", "enter")
        await until_shown(pilot, " filter  waiting>10k")
        assert "search-index" in screen_text(app)
        assert " mail " not in screen_text(app)


# Rights


@pytest.fixture
def user(redis_url: str) -> Iterator[str]:
    """The URL for a user who may read everything and pause, and change nothing else."""
    path = parse_url(redis_url).path
    assert path is not None
    with Direct(path) as direct:
        rights = "+@read +@connection +@scripting +@transaction +info +time +type +set +del"
        trail = "+xadd +hset +hincrby +expire +rpush"
        direct("ACL", "SETUSER", "ada", "on", ">pw", "~*", "&*", *rights.split(), *trail.split())
        direct("RPUSH", "resque:failed", failure(1).item.raw)
        direct("SADD", "resque:queues", "mail")
        yield f"unix://ada:pw@{path}?db=0"
        direct("ACL", "DELUSER", "ada")


@pytest.mark.redis
async def test_keys_that_the_server_would_refuse_say_why(user: str) -> None:
    app = console(url=user)
    async with app.run_test(size=(140, 30)) as pilot:
        await shown(pilot)
        await pilot.press("4", "t")
        await until_shown(pilot, "no answer from mx1")
        await until(pilot, lambda: bool(app.state.policy.forbidden), "the rights")
        await until(pilot, lambda: "d delete" not in screen_lines(app)[-1], "another footer")
        await pilot.press("d")
        await until_shown(pilot, "not allowed: this Redis user may not run")
        assert "LREM" in screen_text(app)
        assert not isinstance(app.screen, ConfirmDialog)
        await pilot.press("2")
        await pilot.pause()
        assert "p pause" in screen_lines(app)[-1]
        assert "c clear" not in screen_lines(app)[-1]


@pytest.mark.redis
async def test_a_user_with_all_rights_has_all_keys(redis_url: str) -> None:
    app = console(url=redis_url)
    async with app.run_test(size=(140, 30)) as pilot:
        await shown(pilot)
        await until(pilot, lambda: not app.workers._workers, "the rights")
        lacking = app.system.abilities.items()
        unable = {name: why for name, why in lacking if why and name not in OF_COMMANDS}
        assert app.state.policy.forbidden == unable

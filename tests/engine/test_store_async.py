"""The asyncio store: the same promises, and cancellation at any moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from signal import SIGCONT, SIGSTOP
from typing import Any

import pytest
import pytest_asyncio
from tests.support.direct import Direct
from tests.support.engine_fixtures import StartRedis
from tests.support.waiting import PATIENCE_S

from queuecore import windows
from queuecore.exchange import Exchange, Steps, load_script, single
from queuecore.stores import AsyncStore, Store
from queuecore.windows import Stretch
from resque.errors import AuthRefused, OutcomeUnknown, Refused, Unreachable, WrongType
from resque.keys import Keys
from resque.store import queues

KEYS = Keys()
READ = queues.names(KEYS)
WRITE = queues.push(KEYS, "q", [b"x"])


def echo(word: str) -> Exchange[bytes]:
    return single(("ECHO", word), lambda reply: reply)


@pytest_asyncio.fixture
async def opened(redis_url: str) -> AsyncIterator[AsyncStore]:
    store = AsyncStore(redis_url, timeout_s=10, client_name="test")
    yield store
    await store.close()


async def test_writing_and_reading(opened: AsyncStore) -> None:
    assert await opened.run(WRITE) == 1
    assert await opened.run(READ) == ["q"]
    info = await opened.run(queues.info(KEYS))
    assert (info.pending, info.queues) == (1, 1)
    await opened.close()
    assert await opened.run(READ) == ["q"]


async def test_an_exchange_without_commands_needs_no_answer(opened: AsyncStore) -> None:
    assert await opened.run(Exchange((), lambda replies: replies)) == []
    assert await opened.run(echo("next")) == b"next"


async def test_a_wrong_type_is_refused_and_the_connection_goes_on(
    opened: AsyncStore, direct: Direct
) -> None:
    direct("SET", "resque:queues", "x")
    direct("SCRIPT", "FLUSH")
    with pytest.raises(WrongType):
        await opened.run(READ)
    with pytest.raises(WrongType):
        await opened.run(single(load_script("window").call([KEYS.queues()], [0, 1, 9]), len))
    assert await opened.run(echo("next")) == b"next"


async def test_tasks_get_their_own_answers(opened: AsyncStore) -> None:
    words = [str(number) for number in range(60)]
    tasks = [asyncio.create_task(opened.run(echo(word))) for word in words]
    answers = [await task for task in tasks]
    assert answers == [word.encode() for word in words]


async def test_no_server_listens() -> None:
    store = AsyncStore("unix:///nowhere/at/all")
    operations: tuple[Exchange[Any], ...] = (READ, WRITE)
    for operation in operations:
        with pytest.raises(Unreachable) as caught:
            await store.run(operation)
        assert type(caught.value) is Unreachable
    await store.close()


async def test_no_password(start_redis: StartRedis) -> None:
    server = start_redis("--requirepass", "sesame")
    for url in (server.url, server.url.replace("//", "//:wrong@")):
        store = AsyncStore(url)
        with pytest.raises(AuthRefused):
            await store.run(READ)
        await store.close()


async def test_a_database_that_is_not_there(redis_url: str) -> None:
    store = AsyncStore(redis_url.replace("db=0", "db=4711"))
    with pytest.raises(Refused, match="4711"):
        await store.run(READ)
    await store.close()


async def test_a_frozen_server(start_redis: StartRedis) -> None:
    server = start_redis()
    reading, writing = (AsyncStore(server.url, timeout_s=0.2) for _ in range(2))
    assert await reading.run(READ) == await writing.run(READ) == []
    server.send(SIGSTOP)
    try:
        with pytest.raises(Unreachable) as caught:
            await reading.run(READ)
        assert type(caught.value) is Unreachable
        with pytest.raises(OutcomeUnknown):
            await writing.run(WRITE)
    finally:
        server.send(SIGCONT)
    for store in (reading, writing):
        assert await store.run(echo("mine")) == b"mine"
        await store.close()


async def blocked_clients(opened: AsyncStore) -> int:
    text: bytes = await opened.run(single(("INFO", "clients"), lambda reply: reply))
    return int(text.split(b"blocked_clients:")[1].split(b"\r")[0])


async def until_blocked(opened: AsyncStore, count: int) -> None:
    """Wait until so many clients wait for something in the server. Fails after a while."""
    async with asyncio.timeout(PATIENCE_S):
        while await blocked_clients(opened) != count:
            await asyncio.sleep(0)


async def test_a_cancelled_read_leaves_no_answer_to_the_next_exchange(
    opened: AsyncStore, redis_url: str
) -> None:
    watcher = AsyncStore(redis_url)
    for word in ("a", "b", "c"):
        waiting = Exchange((("BLPOP", "nothing", 30), ("ECHO", "old")), lambda replies: replies)
        task = asyncio.create_task(opened.run(waiting))
        await until_blocked(watcher, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await opened.run(echo(word)) == word.encode()
        await until_blocked(watcher, 0)
    await watcher.close()


async def test_cancelling_at_every_point_leaves_a_store_that_works(opened: AsyncStore) -> None:
    for turns in range(12):
        task: asyncio.Task[Any] = asyncio.create_task(opened.run(echo("old")))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await opened.run(echo(f"new{turns}")) == f"new{turns}".encode()


async def test_a_cancelled_operation_never_goes_on_to_another_round_trip(
    opened: AsyncStore,
) -> None:
    begun = 0

    def steps() -> Steps[None]:
        nonlocal begun
        for _ in range(50):
            begun += 1
            yield echo("on")

    for turns in range(60):
        task = asyncio.create_task(opened.run(steps()))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        begun_before = begun
        await asyncio.wait((task,))
        assert task.cancelled(), f"lost after {turns} turns of the loop"
        assert begun == begun_before


async def test_a_task_that_survived_a_cancellation_may_go_on(opened: AsyncStore) -> None:
    async def stubborn() -> bytes:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return await opened.run(echo("farewell"))
        return b""

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    task.cancel()
    assert await task == b"farewell"


async def test_steps_learn_of_errors_and_may_go_on(opened: AsyncStore, direct: Direct) -> None:
    direct("SET", "resque:queues", "x")

    def steps() -> Steps[str]:
        try:
            yield READ
        except WrongType:
            answer = yield echo("after")
            return str(answer.decode())
        return "not refused"

    assert await opened.run(steps()) == "after"


# Parts of lists are read without a script, where that tells the same.

LIST = KEYS.queue("q")
ITEMS = [b"%d " % number * 50 for number in range(60)]


def part() -> Exchange[Stretch]:
    return windows.stretch(LIST, -30, -1, max_bytes=1_000)


def scripts_run(direct: Direct) -> bool:
    """Whether any script was run since the statistics were reset."""
    return b"cmdstat_evalsha" in direct("INFO", "commandstats")


async def test_a_part_of_a_list_is_read_without_a_script(
    opened: AsyncStore, direct: Direct
) -> None:
    direct("RPUSH", LIST, *ITEMS)
    direct("CONFIG", "RESETSTAT")
    seen = await opened.run(part())
    assert (seen.length, seen.replies) == (60, ITEMS[30:])
    assert not scripts_run(direct)


async def test_an_answer_that_is_too_long_is_left_and_the_script_cuts_it(
    opened: AsyncStore, redis_url: str, direct: Direct, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "_LIGHTER_BYTES", 100_000)
    direct("RPUSH", LIST, *ITEMS, *[b"x" * 50_000] * 9)
    with Store(redis_url) as plain:
        expected = plain.run(part())
    assert [isinstance(each, bytes) for each in expected.replies[-10:]] == [True] + [False] * 9
    for _ in range(3):
        assert await opened.run(part()) == expected
    assert await opened.run(echo("after")) == b"after"
    # What is left comes to its end, and is asked for once: the next goes the other way at once.
    direct("CONFIG", "RESETSTAT")
    assert await opened.run(part()) == expected
    assert b"cmdstat_multi" not in direct("INFO", "commandstats")


async def test_a_user_who_lacks_the_right_to_a_transaction_reads_by_the_script(
    redis_url: str, direct: Direct
) -> None:
    direct("RPUSH", LIST, *ITEMS)
    direct("ACL", "SETUSER", "reader", "on", ">secret", "~*", "&*", "+@all", "-multi")
    reader = AsyncStore(redis_url.replace("://", "://reader:secret@"), timeout_s=10)
    try:
        for _ in range(2):
            assert (await reader.run(part())).replies == ITEMS[30:]
    finally:
        await reader.close()
        direct("ACL", "DELUSER", "reader")

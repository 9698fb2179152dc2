"""A connection for reading sends nothing that could change data, whatever it is asked to."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support import list_actions
from tests.support.commands import everything
from tests.support.direct import Direct
from tests.support.known import known
from tests.support.lua_scripts import SCRIPTS
from tests.support.sample_data import read_snapshot

from qtop.systems.resque.system import ResqueSystem
from qtop.systems.runner import RedisRunner
from queuecore import windows
from queuecore.address import parse_url
from queuecore.exchange import Exchange, Operation, Script, single
from queuecore.reading import READING, ReadingOnly, commands_of, only_reads, reading_only
from queuecore.windows import whole
from resque.keys import Keys
from resque.store import failures, pauses, queues, undo
from resque.store.failures import Failure

KEYS = Keys()
ENTRY = (
    b'{"failed_at":"2026/11/23 12:15:48 UTC","payload":{"class":"Mail","args":[1]},'
    b'"exception":"RuntimeError","error":"no","backtrace":[],"worker":"h:1:mail","queue":"mail"}'
)


def flags(direct: Direct, command: str) -> set[bytes]:
    """What the server itself says of a command."""
    (found,) = direct("COMMAND", "INFO", command)
    return {bytes(flag) for flag in found[2]}


@pytest.mark.redis
@pytest.mark.parametrize("command", sorted(READING))
def test_the_server_agrees_that_these_commands_only_read(direct: Direct, command: str) -> None:
    assert not flags(direct, command) & {b"write", b"may_replicate"}


@pytest.mark.redis
@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_passes_only_without_any_command_that_writes(direct: Direct, name: str) -> None:
    script = SCRIPTS[name]
    commands = commands_of(script)
    passes = only_reads(script.call([b"key"]))
    if commands is None:
        assert not passes
    else:
        assert passes == (not any(b"write" in flags(direct, each) for each in commands))


def test_the_scripts_that_the_console_looks_with_pass() -> None:
    passing = {name for name, script in SCRIPTS.items() if only_reads(script.call([b"key"]))}
    assert {"window", "find", "queue_tails", "beginnings", "short_texts", "roll"} <= passing
    assert not passing & {"take", "stamp", "clear_to", "undo", "work", "switch"}


@pytest.mark.parametrize(
    "text",
    [
        "redis.call('SET', KEYS[1], 1)",
        "redis . call ( 'SET', KEYS[1], 1)",
        "local call = redis.call call('SET', KEYS[1], 1)",
        "redis.call(ARGV[1], KEYS[1])",
        "redis['call']('SET', KEYS[1], 1)",
        "local r = redis r.call('SET', KEYS[1], 1)",
        "redis.call('GET', KEYS[1]) redis.pcall('DEL', KEYS[1])",
        "redis.setresp(3)",
        "server.call('SET', KEYS[1], 1)",
        "local f = _G['redis'] f.call('SET', KEYS[1])",
    ],
)
def test_a_script_that_could_write_in_any_way_does_not_pass(text: str) -> None:
    assert not only_reads(Script("test", text.encode()).call([b"key"]))


@pytest.mark.parametrize(
    ("command", "passes"),
    [
        (("GET", "key"), True),
        (("get", "key"), True),
        (("MEMORY", "USAGE", "key"), True),
        (("MEMORY", "PURGE"), False),
        (("CONFIG", "GET", "save"), True),
        (("CONFIG", "SET", "save", ""), False),
        (("EVAL", "return redis.call('GET', KEYS[1])", 1, "key"), False),
        (("MULTI",), False),
        (("FLUSHALL",), False),
        (("GETDEL", "key"), False),
        (("SORT", "key", "STORE", "other"), False),
    ],
)
def test_a_command_passes_only_when_it_is_known_to_read(command: Any, passes: bool) -> None:
    assert only_reads(command) is passes


def test_what_an_operation_says_of_itself_is_not_believed() -> None:
    with pytest.raises(ReadingOnly, match="DEL was not sent"):
        reading_only(single(("DEL", "key"), int))
    with pytest.raises(ReadingOnly):
        reading_only(Exchange((("GET", "key"),), list, writes=True))


def test_an_operation_of_several_steps_learns_of_the_refusal_at_its_step() -> None:
    def steps() -> Any:
        first = yield single(("GET", "key"), str)
        try:
            yield single(("SET", "key", "1"), str)
        except ReadingOnly:
            return f"{first}, and no more"

    watched: Any = reading_only(steps())
    next(watched)
    with pytest.raises(StopIteration) as end:
        watched.send("read")
    assert end.value.value == "read, and no more"


def writing(failure: Failure, extent: Any) -> list[Operation[Any]]:
    """Operations of every kind that change something."""
    mark = list_actions.ref_of(failure)
    return [
        queues.push(KEYS, "mail", [b'{"class":"A","args":[]}']),
        queues.remove_queue(KEYS, "mail"),
        list_actions.clear(KEYS, "mail", extent),
        list_actions.delete(KEYS, "mail", [mark]),
        queues.move_all(KEYS, "mail", "other"),
        list_actions.clear_failures(KEYS, extent),
        list_actions.requeue(KEYS, [mark]),
        list_actions.delete_failures(KEYS, [mark]),
        pauses.pause(KEYS, ["mail"]),
        pauses.pause_all(KEYS),
        undo.undo(KEYS, "0-0"),
        single(("DEL", KEYS.failed()), int),
        single(("EVAL", "return redis.call('DEL', KEYS[1])", 1, KEYS.failed()), int),
    ]


@pytest.mark.redis
async def test_nothing_that_writes_reaches_a_real_server(direct: Direct, redis_url: str) -> None:
    direct("SADD", "resque:queues", "mail")
    direct("RPUSH", "resque:queue:mail", '{"class":"Mail","args":[1]}')
    direct("RPUSH", "resque:failed", ENTRY)
    before = everything(direct)
    source = RedisRunner(ResqueSystem(KEYS), parse_url(redis_url), read_only=True)
    try:
        seen = await read_snapshot(source)
        assert [queue.size for queue in known(seen.queues)] == [1]
        assert await source.run(list_actions.count_of_failures(KEYS)) == 1
        assert (await source.run(queues.peek(KEYS, "mail", 0, 10))).length == 1
        extent = await source.run(list_actions.extent(KEYS, "mail"))
        assert await source.run(windows.size_bytes(KEYS.failed())) is not None
        direct("CONFIG", "RESETSTAT")
        failure = failures.read(whole(ENTRY), -1)
        for operation in writing(failure, extent):
            refused = False
            try:
                await source.run(operation)
            except ReadingOnly:
                refused = True
            assert refused or not isinstance(operation, Exchange)
    finally:
        await source.close()
    assert everything(direct) == before
    ran = {
        line.partition(b":")[0].removeprefix(b"cmdstat_").decode().partition("|")[0]
        for line in direct("INFO", "commandstats").splitlines()
        if line.startswith(b"cmdstat_")
    }
    assert not [name for name in ran if b"write" in flags(direct, name)]


@pytest.mark.redis
async def test_a_source_that_is_not_read_only_writes(direct: Direct, redis_url: str) -> None:
    source = RedisRunner(ResqueSystem(KEYS), parse_url(redis_url))
    try:
        await source.run(queues.push(KEYS, "mail", [b'{"class":"A","args":[]}']))
    finally:
        await source.close()
    assert direct("LLEN", "resque:queue:mail") == 1

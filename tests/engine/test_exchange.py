"""Exchanges: the conversation they hold, the errors they become, the steps they make up."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from tests.support.lua_scripts import SCRIPTS

import queuecore.errors
from queuecore.exchange import ErrorReply, Exchange, Script, Steps, drive, refusal, single
from resque import errors
from resque.errors import OutcomeUnknown, Refused, StoreError, Unreachable, WrongType
from resque.scripts import load_script

SCRIPT = Script("example", b"return 1")
NOSCRIPT = ErrorReply("NOSCRIPT No matching script. Please use EVAL.")


def converse(exchange: Exchange[Any], *answers: list[Any]) -> tuple[list[Any], Any]:
    """Hold a conversation. Returns what was sent in each turn, and the result."""
    conversation = exchange.converse()
    turns = [next(conversation)]
    for answer in answers:
        try:
            turns.append(conversation.send(answer))
        except StopIteration as stop:
            return turns, stop.value
    raise AssertionError(f"it still wants an answer to {turns[-1]}")


def test_scripts_are_called_by_their_names_first() -> None:
    exchange = Exchange((("GET", "a"), SCRIPT.call([b"k"], ["x", 1])), lambda replies: replies)
    turns, result = converse(exchange, [b"v", 7])
    assert turns == [[("GET", "a"), ("EVALSHA", SCRIPT.sha, 1, b"k", "x", 1)]]
    assert result == [b"v", 7]


def test_only_forgotten_scripts_are_sent_again_in_full() -> None:
    exchange = Exchange(
        (SCRIPT.call([b"a"]), ("GET", "b"), SCRIPT.call([b"c"])), lambda replies: replies
    )
    turns, result = converse(exchange, [NOSCRIPT, b"v", 3], [1])
    assert turns[1] == [("EVAL", SCRIPT.text, 1, b"a")]
    assert result == [1, b"v", 3]


def test_a_script_may_be_forgotten_in_one_go_and_fail_in_the_next() -> None:
    with pytest.raises(WrongType):
        converse(single(SCRIPT.call([]), int), [NOSCRIPT], [ErrorReply("WRONGTYPE x")])


def test_the_first_refusal_is_raised_unless_the_exchange_is_tolerant() -> None:
    commands = (("GET", "a"), ("LLEN", "b"))
    replies = [ErrorReply("WRONGTYPE Operation"), 4]
    with pytest.raises(WrongType):
        converse(Exchange(commands, lambda r: r), list(replies))
    _, result = converse(Exchange(commands, lambda r: r, tolerant=True), list(replies))
    assert isinstance(result[0], WrongType)
    assert result[1] == 4


def test_then_changes_the_result_and_nothing_else() -> None:
    exchange = Exchange((("GET", "a"),), lambda r: r[0], writes=True, tolerant=True)
    changed = exchange.then(lambda value: [value])
    assert (changed.commands, changed.writes, changed.tolerant) == (exchange.commands, True, True)
    assert converse(changed, [b"v"])[1] == [b"v"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("NOAUTH Authentication required.", errors.AuthRefused),
        ("WRONGPASS invalid username-password pair", errors.AuthRefused),
        ("NOPERM this user has no permissions", errors.AuthRefused),
        ("READONLY You can't write against a read only replica.", errors.ReadOnly),
        ("NOREPLICAS Not enough good replicas to write.", errors.ReadOnly),
        ("OOM command not allowed when used memory > 'maxmemory'.", errors.OutOfMemory),
        ("LOADING Redis is loading the dataset in memory", errors.Busy),
        ("BUSY Redis is busy running a script.", errors.Busy),
        ("MASTERDOWN Link with MASTER is down", errors.Busy),
        ("TRYAGAIN Multiple keys request during rehashing of slot", errors.Busy),
        ("CLUSTERDOWN The cluster is down", errors.Busy),
        ("MISCONF Redis is configured to save RDB snapshots", errors.NotPersisting),
        ("WRONGTYPE Operation against a key", errors.WrongType),
        # As Redis 6 words an error that a script caught and handed on.
        (
            "@user_script: 40: -READONLY You can't write against a read only replica.",
            errors.ReadOnly,
        ),
        # As Redis 6 words an error inside a script.
        (
            "ERR Error running script (call to f_6b1bf486c81ceb7edf3c093f4c48582e38c0e791): "
            "@user_script:1: @user_script: 1: -OOM command not allowed when used memory",
            errors.OutOfMemory,
        ),
        (
            "ERR Error running script (call to f_6b1bf486c81ceb7edf3c093f4c48582e38c0e791): "
            "@user_script:1: WRONGTYPE Operation against a key holding the wrong kind of value",
            errors.WrongType,
        ),
        # A right that only a script lacks, in the words of Redis 7.0 and of later ones.
        (
            "ERR The user executing the script can't run this command or subcommand script: 7e, on",
            errors.AuthRefused,
        ),
        (
            "ERR ACL failure in script: User w has no permissions to run the 'rpush' command",
            errors.AuthRefused,
        ),
        ("ERR unknown command 'FOO'", errors.MissingCommand),
        ("ERR unknown subcommand 'SETINFO'. Try CLIENT HELP.", errors.MissingCommand),
        ("ERR Unknown Redis command called from script script: 7e", errors.MissingCommand),
        ("ERR max number of clients reached", errors.TooManyClients),
        ("DENIED Redis is running in protected mode because", errors.AuthRefused),
        ("", Refused),
        ("Something else", Refused),
    ],
)
def test_an_error_of_redis_becomes_one_of_ours(text: str, kind: type[StoreError]) -> None:
    problem = refusal(text)
    assert type(problem) is kind
    assert text in str(problem)


@pytest.mark.parametrize("tree", [queuecore.errors, errors])
def test_every_class_of_the_tree_is_drawn_in_the_docstring(tree: ModuleType) -> None:
    classes = [each for each in vars(tree).values() if isinstance(each, type)]
    ours = [each for each in classes if each.__module__ == tree.__name__]
    assert tree.__doc__ is not None
    drawn = [line.strip("│├└─ ").split(" ")[0] for line in tree.__doc__.splitlines()]
    assert {each.__name__ for each in ours} <= set(drawn)


def get(key: str) -> Exchange[Any]:
    return single(("GET", key), lambda reply: reply)


def test_steps_receive_the_results_of_what_they_yield() -> None:
    def steps() -> Steps[list[Any]]:
        first = yield get("a")
        second = yield get(f"after {first}")
        return [first, second]

    sent: list[Any] = []

    def run(exchange: Exchange[Any]) -> Any:
        sent.append(exchange.commands[0])
        return len(sent)

    assert drive(steps(), run) == [1, 2]
    assert sent == [("GET", "a"), ("GET", "after 1")]
    assert drive(get("b"), run) == 3


def test_an_error_is_raised_where_the_step_was_yielded() -> None:
    log: list[str] = []

    def steps() -> Steps[str]:
        try:
            yield get("a")
        except OutcomeUnknown:
            log.append("caught")
        yield get("b")
        try:
            yield get("c")
        finally:
            log.append("tidied")
        return "never"

    def run(exchange: Exchange[Any]) -> Any:
        command = exchange.commands[0]
        assert isinstance(command, tuple)
        if command[1] == "a":
            raise OutcomeUnknown("a")
        if command[1] == "c":
            raise Unreachable("c")
        return None

    with pytest.raises(Unreachable, match="c"):
        drive(steps(), run)
    assert log == ["caught", "tidied"]


def test_a_script_is_sent_without_its_comments_and_known_by_its_sum() -> None:
    script = SCRIPTS["work"]
    assert b"--" not in script.text
    assert len(script.sha) == 40
    assert load_script("work").sha == script.sha

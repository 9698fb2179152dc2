"""What servers of a cluster answer, and what becomes of it without one."""

from __future__ import annotations

import socket

import pytest

from queuecore.address import Address, parse_url, unreachable
from queuecore.exchange import ErrorReply, Exchange, MovedAway, load_script, refusal
from resque.errors import Busy, Refused, StoreError

ASKED = parse_url("redis://:pw@first:7000")
SCRIPT = load_script("window")


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("CROSSSLOT Keys in request don't hash to the same slot", Refused, "use {resque}"),
        ("ASK 3999 127.0.0.1:6381", Busy, "try again"),
        ("UNBLOCKED force unblock from blocking operation", Busy, "try again"),
    ],
)
def test_what_a_cluster_refuses_comes_with_advice(
    text: str, kind: type[StoreError], words: str
) -> None:
    problem = refusal(text)
    assert type(problem) is kind
    assert words in str(problem)
    assert text in str(problem)


@pytest.mark.parametrize(
    ("place", "host"),
    [
        ("10.0.0.7:7001", "10.0.0.7"),
        ("node.example:7001", "node.example"),
        ("fd00::7:7001", "fd00::7"),
        # A node that does not know its own name means: where you asked.
        (":7001", "first"),
        ("?:7001", "first"),
    ],
)
def test_a_node_is_found_by_what_moved_says(place: str, host: str) -> None:
    node = MovedAway(f"MOVED 3999 {place}").node(ASKED)
    assert (node.host, node.port, node.password) == (host, 7001, "pw")
    local = MovedAway(f"MOVED 3999 {place}").node(Address(path="/s"))
    assert (local.path, local.port) == (None, 7001)


def moved_or_refused(exchange: Exchange[object], *replies: object) -> StoreError:
    conversation = exchange.converse()
    next(conversation)
    with pytest.raises(StoreError) as caught:
        conversation.send(list(replies))
    return caught.value


MOVED = ErrorReply("MOVED 3999 127.0.0.1:7001")


@pytest.mark.parametrize("tolerant", [False, True])
def test_keys_of_one_hash_tag_are_followed_whole(tolerant: bool) -> None:
    commands = (
        ("TIME",),
        ("SADD", b"{a}:queues", b"q"),
        ("RPUSH", "{a}:queue:q", b"{b}"),
        SCRIPT.call([b"{a}:queue:q"], [0, 1, 9]),
        ("MEMORY", "USAGE", b"{a}:queue:q"),
    )
    exchange: Exchange[object] = Exchange(commands, lambda replies: replies, tolerant=tolerant)
    problem = moved_or_refused(exchange, [b"1", b"2"], 1, MOVED, MOVED, MOVED)
    assert type(problem) is MovedAway


@pytest.mark.parametrize("other", [b"resque:queue:q", b"{b}:queue:q", b"{}:queue:q", b"{a:q"])
def test_keys_of_several_are_refused_before_more_is_done(other: bytes) -> None:
    commands = (("SADD", b"{a}:queues", b"q"), ("RPUSH", other, b"x"))
    exchange: Exchange[object] = Exchange(commands, len)
    problem = moved_or_refused(exchange, 1, MOVED)
    assert type(problem) is Refused
    assert "{resque}" in str(problem)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConnectionError("max number of clients reached"), "it takes no more clients"),
        (BrokenPipeError(32, "Broken pipe"), "connection closed"),
        (ConnectionRefusedError(111, "Connection refused"), "connection refused"),
        (TimeoutError("timed out"), "no answer in time"),
        (socket.gaierror(-2, "Name or service not known"), "unknown host"),
        (ConnectionResetError(104, "Connection reset by peer"), "connection closed"),
        (OSError(24, "Too many open files"), "too many open files"),
        (OSError("odd"), "connection failed"),
    ],
)
def test_why_a_redis_cannot_be_reached_is_reported_in_a_few_words(
    error: OSError, reason: str
) -> None:
    assert f"cannot reach Redis at redis://first:7000/0 ({reason}): " in str(
        unreachable(ASKED, error)
    )

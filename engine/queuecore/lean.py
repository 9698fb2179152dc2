"""The worker's own connection: a socket and hiredis, nothing else.

A worker forks for every job, and a child pays for each page of memory its parent holds. A parent
that has imported redis-py takes longer for each job (`make bench` measures it), so
this one place has a client of its own. It runs the same exchanges as the stores do.
"""

from __future__ import annotations

import os
import select
import socket
from contextlib import suppress
from functools import lru_cache

import hiredis

from queuecore import errors
from queuecore.address import (
    Address,
    no_primary,
    open_socket,
    reason_of,
    tls_context,
    unreachable,
)
from queuecore.exchange import (
    Arg,
    Call,
    Command,
    ErrorReply,
    Exchange,
    MovedAway,
    Operation,
    Reply,
    drive,
    refusal,
    single,
)
from queuecore.values import Any, TypeVar, replace

T = TypeVar("T")

_detach = socket.SocketType.detach
_READ_BYTES = 65_536
#: How often a cluster may send us on before we give up.
_MOST_MOVES = 3


def _pack(command: tuple[Arg, ...]) -> bytes:
    return hiredis.pack_command(command)  # type: ignore[arg-type, no-any-return]


def _pack_call(call: Call) -> bytes:
    """As `_pack(call.by_sha())`, in less time, and in memory that lies together."""
    count = 3 + len(call.keys) + len(call.args)
    return b"*%d\r\n%b%b" % (count, _packed_keys(call.script.sha, call.keys), _parts(call.args))


# A worker calls one script with the same keys again and again.
@lru_cache(maxsize=4)
def _packed_keys(sha: str, keys: tuple[bytes, ...]) -> bytes:
    return _parts(("EVALSHA", sha, len(keys), *keys))


def _parts(some: tuple[Arg, ...]) -> bytes:
    """Some parts of a command, packed, without their number."""
    return _pack(some).partition(b"\r\n")[2]


def _refuses_a_name(reply: ErrorReply) -> bool:
    """Whether only the name is refused. It is not needed: where it cannot be set, because of
    the user's rights or because the server has no CLIENT, all else works without it."""
    problem = refusal(reply.text)
    if isinstance(problem, errors.AuthRefused):
        return reply.text.startswith("NOPERM")
    return isinstance(problem, errors.Refused)


class LeanStore:
    """Runs operations on one Redis over one blocking connection, which it opens when needed and
    again after it broke. Not for threads."""

    def __init__(self, address: Address, *, timeout_s: float, client_name: str) -> None:
        self.address = address
        self._timeout_s = timeout_s
        self._name = client_name
        self._socket: socket.socket | None = None
        self._reader: Any = None
        self._poll = select.poll()
        #: The address, or the node of a cluster that has the keys.
        self._node = address

    def run(self, operation: Operation[T]) -> T:
        """As `Store.run`."""
        return drive(operation, self._exchange)

    def _exchange(self, exchange: Exchange[T]) -> T:
        for _ in range(_MOST_MOVES):
            try:
                return self._converse(exchange)
            except MovedAway as moved:
                self._follow(moved)
            except errors.ReadOnly:
                # After a failover: the next connection asks the Sentinels anew.
                self.close()
                raise
        raise errors.Busy(f"{self.address}: the cluster keeps moving the keys: try again soon")

    def _follow(self, moved: MovedAway) -> None:
        self.close()
        self._node = moved.node(self._node)

    def _converse(self, exchange: Exchange[T], replies: list[Reply] | None = None) -> T:
        """Carry out an exchange, whose `replies` may be there already."""
        self._connect()
        try:
            if replies is None and len(exchange.commands) == 1:
                # The usual case straight on: the way around by the generator costs each job.
                reply = self._ask(exchange.commands[0])
                if type(reply) is not ErrorReply:
                    return exchange.parse([reply])
                replies = [reply]
            conversation = exchange.converse()
            commands = next(conversation)
            while True:
                commands = conversation.send(replies or self._trade(commands))
                replies = None
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        except OSError as error:
            self.close()
            if exchange.writes:
                raise errors.OutcomeUnknown(
                    f"{self.address} did not answer a write ({reason_of(error)}): "
                    "it may have happened"
                ) from None
            raise unreachable(self.address, error) from None

    def send(self, command: tuple[Arg, ...]) -> None:
        """Send a command whose answer will be fetched with `receive` when `fileno` is readable.
        Raises Unreachable."""
        self._connect()
        assert self._socket is not None  # noqa: S101
        try:
            self._socket.sendall(_pack(command))
        except OSError as error:
            self.close()
            raise unreachable(self.address, error) from None

    def receive(self) -> Reply:
        """The answer to a command sent with `send`. Raises Unreachable, also when it is the
        server's present state that refuses; otherwise the refusal."""
        try:
            reply = self._reply()
        except OSError as error:
            self.close()
            raise unreachable(self.address, error) from None
        if isinstance(reply, ErrorReply):
            if reply.text.startswith("MOVED "):
                self._follow(MovedAway(reply.text))
                raise errors.Unreachable(
                    f"{self.address}: the keys are on another node of the cluster"
                )
            problem = refusal(reply.text)
            if isinstance(problem, errors.ReadOnly | errors.Busy):
                # After a failover: the next connection asks the Sentinels anew.
                self.close()
                raise errors.Unreachable(f"{self.address}: {problem}")
            raise problem
        return reply

    def fileno(self) -> int:
        """The socket's file descriptor; -1 when there is no connection."""
        return -1 if self._socket is None else self._socket.fileno()

    def close(self) -> None:
        """Close the connection; the next operation opens another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def forget(self) -> None:
        """In a child after a fork: close the parent's connection here, without disturbing it."""
        if self._socket is not None:
            # Not the detach of `socket.socket`: its steps would be five more pages to copy.
            os.close(_detach(self._socket))
            self._socket = None

    def _connect(self) -> None:
        if self._socket is not None:
            # Between two exchanges nothing may arrive: whatever there is to read is an end.
            if not self._poll.poll(0):
                return
            self.close()
        replies: list[Reply] = []
        try:
            self._socket = self._open()
            self._reader = hiredis.Reader(notEnoughData=False)
            self._poll = select.poll()
            self._poll.register(self._socket, select.POLLIN)
            greetings = self._greetings()
            self._socket.sendall(b"".join(map(_pack, greetings)))
            for _ in greetings:
                replies.append(self._reply())
        except OSError as error:
            said = None if isinstance(error, TimeoutError) else self._last_words(replies)
            self.close()
            # A node may be gone for good: the next exchange asks the first one again.
            self._node = self.address
            if said is not None:
                raise self._refused(said) from None
            raise unreachable(self.address, error) from None
        for greeting, reply in zip(greetings, replies, strict=True):
            if isinstance(reply, ErrorReply) and not (
                greeting[0] == "CLIENT" and _refuses_a_name(reply)
            ):
                self.close()
                raise self._refused(reply)

    def _refused(self, reply: ErrorReply) -> errors.StoreError:
        problem = refusal(self.address.without_secrets(reply.text))
        return type(problem)(f"{self.address}: {problem}")

    def _last_words(self, replies: list[Reply]) -> ErrorReply | None:
        """The error that a server sent before it closed a new connection, for example because it
        takes no more clients. It may not have been read yet."""
        with suppress(OSError, errors.NotRedis):
            while self._socket is not None:
                replies.append(self._reply())
        return next((reply for reply in replies if isinstance(reply, ErrorReply)), None)

    def _open(self) -> socket.socket:
        address = self._node
        if address.path is not None:
            return open_socket(address, self._timeout_s)
        if address.sentinels:
            host, port = self._ask_sentinels()
            address = replace(address, host=host, port=port)
        context = tls_context(address) if address.tls else None
        opened = open_socket(address, self._timeout_s)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if context is None:
            return opened
        return context.wrap_socket(opened, server_hostname=address.host)

    def _ask_sentinels(self) -> tuple[str, int]:
        """Where the primary is, as the first Sentinel that answers has it."""
        reason = ""
        for each in self.address.sentinel_addresses():
            sentinel = LeanStore(each, timeout_s=self._timeout_s, client_name=self._name)
            ask = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.address.primary)
            try:
                found = sentinel.run(single(ask, lambda reply: reply))
            except errors.StoreError as error:
                reason = reason_of(error) if isinstance(error, errors.Unreachable) else str(error)
                continue
            finally:
                sentinel.close()
            if found is not None:
                return found[0].decode(), int(found[1])
        raise no_primary(self.address, reason)

    def _greetings(self) -> list[tuple[Arg, ...]]:
        commands: list[tuple[Arg, ...]] = []
        if self.address.password is not None:
            user = (self.address.username,) if self.address.username else ()
            commands.append(("AUTH", *user, self.address.password))
        if self.address.db:
            commands.append(("SELECT", self.address.db))
        commands.append(("CLIENT", "SETNAME", self._name))
        return commands

    def _ask(self, command: Command) -> Reply:
        assert self._socket is not None  # noqa: S101
        self._socket.sendall(_pack_call(command) if isinstance(command, Call) else _pack(command))
        return self._reply()

    def _trade(self, commands: list[tuple[Arg, ...]]) -> list[Reply]:
        self._send_all(commands)
        return [self._reply() for _ in commands]

    def _send_all(self, commands: list[tuple[Arg, ...]]) -> None:
        assert self._socket is not None  # noqa: S101
        self._socket.sendall(b"".join(map(_pack, commands)))

    def _reply(self) -> Reply:
        assert self._socket is not None  # noqa: S101
        try:
            while (reply := self._reader.gets()) is False:
                data = self._received()
                if not data:
                    raise ConnectionResetError("connection closed")
                self._reader.feed(data)
        except hiredis.ProtocolError:
            self.close()
            raise errors.NotRedis(
                f"what answers at {self.address} is not Redis: check host and port"
            ) from None
        return ErrorReply(str(reply)) if type(reply) is hiredis.ReplyError else reply

    def _received(self) -> bytes:
        """What has arrived, or is the next to. Raises OSError."""
        assert self._socket is not None  # noqa: S101
        return self._socket.recv(_READ_BYTES)

"""One round trip as a value: the commands, and a pure function from their replies to a result.

Operations are written once as exchanges and do no input or output. Runners send them: `Store`
(blocking), `AsyncStore` (asyncio) and the worker's lean connection. An operation of several
round trips is a generator of exchanges (`Steps`), which any runner can drive, watch and stop.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from itertools import islice

from queuecore import errors, times
from queuecore.address import Address
from queuecore.digests import sha1_hex
from queuecore.values import TYPE_CHECKING, Any, Generic, TypeVar, replace, value

T = TypeVar("T")
S = TypeVar("S")

Arg = bytes | str | int
#: What Redis answers: bytes, integers, None, lists of them, or an ErrorReply.
Reply = Any


@value
class ErrorReply:
    """An error in Redis's own words, for example `WRONGTYPE Operation against a key ...`."""

    text: str


@value
class Script:
    """A Lua script. `text` is its source; `sha` is how Redis knows it."""

    name: str
    text: bytes
    sha: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha", sha1_hex(self.text))

    def call(self, keys: Sequence[bytes], args: Sequence[Arg] = ()) -> Call:
        """The command that runs this script on `keys` with `args`."""
        return Call(self, tuple(keys), tuple(args))

    def read(
        self, keys: Sequence[bytes], args: Sequence[Arg], parse: Callable[[Reply], T]
    ) -> Exchange[T]:
        """The round trip that runs this script alone; `parse` gets its reply."""
        return single(self.call(keys, args), parse)

    def write(
        self, keys: Sequence[bytes], args: Sequence[Arg], parse: Callable[[Reply], T]
    ) -> Exchange[T]:
        """As `read`, of a script that changes data."""
        return single(self.call(keys, args), parse, writes=True)


_INCLUDE = b"-- include "
_SCRIPTS = os.path.join(os.path.dirname(__file__), "scripts")


def load_script(name: str) -> Script:
    """A script of this package; see `read_script`."""
    return read_script(_SCRIPTS, name)


def read_script(folder: str, name: str) -> Script:
    """Read `<folder>/<name>.lua`, without its comments: they are for readers, not for the server.
    A comment `-- include FILE` becomes the text of that file, from the same folder or from this
    package's. Cost: a file read or two; keep the result."""
    return Script(name, b"\n".join(_lines(folder, f"{name}.lua")))


def _lines(folder: str, file: str) -> Iterator[bytes]:
    path = os.path.join(folder, file)
    # Not importlib.resources: it loads tempfile, zipfile and more, which every fork would copy.
    with open(path if os.path.exists(path) else os.path.join(_SCRIPTS, file), "rb") as source:
        lines = source.read().splitlines()
    for line in map(bytes.strip, lines):
        if line.startswith(_INCLUDE):
            yield from _lines(folder, line.removeprefix(_INCLUDE).decode())
        elif line and not line.startswith(b"--"):
            yield line


@value
class Call:
    """One run of a script."""

    script: Script
    keys: tuple[bytes, ...]
    args: tuple[Arg, ...]

    def by_sha(self) -> tuple[Arg, ...]:
        """The command for a server that knows the script."""
        return ("EVALSHA", self.script.sha, len(self.keys), *self.keys, *self.args)

    def in_full(self) -> tuple[Arg, ...]:
        """The command that brings the script along, after which the server knows it."""
        return ("EVAL", self.script.text, len(self.keys), *self.keys, *self.args)


Command = tuple[Arg, ...] | Call


@value
class Exchange(Generic[T]):
    """The commands of one round trip and what their replies mean.

    `writes` says whether any command changes data: then a lost answer is an unknown outcome,
    not a failure. `tolerant` hands error replies to `parse` as `StoreError` values instead of
    raising the first. `progress` is how much of an operation of many steps is done, and of how
    much. A runner waits for `wait_s` before it sends the commands. A runner
    may send `ahead` at once, another exchange, which only reads and is yielded itself later: so the
    server works meanwhile. A runner that can end an answer which is too long may send `lighter` in
    its place: see `Lighter`. A runner may call `meanwhile` once while it waits for the replies:
    work that needs none of them, takes milliseconds, raises nothing, and is done later where it was
    not called.
    Commands of one exchange must not rely on running next to each other: what must be atomic is one
    script.
    """

    commands: tuple[Command, ...]
    parse: Callable[[list[Reply]], T]
    writes: bool = False
    tolerant: bool = False
    progress: tuple[int, int] | None = None
    wait_s: float = 0.0
    ahead: Exchange[Any] | None = None
    lighter: Lighter | None = None
    meanwhile: Callable[[], object] | None = None

    def then(self, change: Callable[[T], S]) -> Exchange[S]:
        """The same round trip with its result passed through `change`."""
        parse = self.parse
        return Exchange(
            *(self.commands, lambda r: change(parse(r)), self.writes, self.tolerant),
            *(self.progress, self.wait_s, self.ahead),
            *(self.lighter, self.meanwhile),
        )

    def converse(self) -> Generator[list[tuple[Arg, ...]], list[Reply], T]:
        """Yield what to send, take the raw replies, return the result.

        A second turn happens only when the server has forgotten a script: those calls alone
        are sent again, in full. Raises a `Refused` for an error reply unless `tolerant`.
        """
        sent = [c.by_sha() if isinstance(c, Call) else c for c in self.commands]
        replies = yield sent
        forgotten = [i for i, reply in enumerate(replies) if _is_noscript(reply)]
        if forgotten:
            calls = [self.commands[i] for i in forgotten]
            again = yield [c.in_full() for c in calls if isinstance(c, Call)]
            for i, reply in zip(forgotten, again, strict=True):
                replies[i] = reply
        for i, reply in enumerate(replies):
            if isinstance(reply, ErrorReply):
                if reply.text.startswith("MOVED "):
                    raise _elsewhere(sent, reply.text)
                problem = refusal(reply.text)
                if not self.tolerant:
                    raise problem
                replies[i] = problem
        return self.parse(replies)


@value
class Lighter:
    """Another way to read the same, which costs the server less, but for an answer that may be of
    any size. `commands` go over one connection, next to each other; `replies` makes of their
    answers those that the exchange would get, None where this way does not tell. A runner that
    sends it ends the connection where the answer is longer than `most_bytes`, and goes the other
    way."""

    commands: tuple[tuple[Arg, ...], ...]
    replies: Callable[[list[Reply]], list[Reply] | None]
    most_bytes: int


def together(parts: Sequence[Exchange[Any]], needed: int) -> Exchange[list[Any]]:
    """Several exchanges in one round trip, of which only that at place `needed` must succeed: its
    error is raised. Gives the results of all; one that is refused has its error as its result, one
    that is tolerant reads its errors itself."""

    def parse(replies: list[Reply]) -> list[Any]:
        rest = iter(replies)
        groups = [list(islice(rest, len(part.commands))) for part in parts]
        problems = [
            None if part.tolerant else first_error(group)
            for part, group in zip(parts, groups, strict=True)
        ]
        if (problem := problems[needed]) is not None:
            raise problem
        return [
            part.parse(group) if problem is None else problem
            for part, group, problem in zip(parts, groups, problems, strict=True)
        ]

    commands = tuple(command for part in parts for command in part.commands)
    return Exchange(commands, parse, any(part.writes for part in parts), tolerant=True)


def first_error(replies: Iterable[Reply]) -> errors.StoreError | None:
    """The first error among the replies of a tolerant exchange."""
    return next((each for each in replies if isinstance(each, errors.StoreError)), None)


def raise_all_but(allowed: type[errors.StoreError], replies: Iterable[Reply]) -> None:
    """Raise the first error among the replies of a tolerant exchange that is not `allowed`."""
    for each in replies:
        if isinstance(each, errors.StoreError) and not isinstance(each, allowed):
            raise each


def single(command: Command, parse: Callable[[Reply], T], *, writes: bool = False) -> Exchange[T]:
    """An exchange of one command; `parse` gets its reply."""
    return Exchange((command,), lambda replies: parse(replies[0]), writes)


def contact(address: Address | str) -> Exchange[None]:
    """Ask the server at an address for its time, as all programs do soon after. One round trip.
    Raises NotRedis for an answer that no Redis gives: something else may speak Redis's protocol,
    and what it answers to later commands would raise errors that do not say so."""

    def check(reply: Reply) -> None:
        try:
            times.read_server_time(reply)
        except errors.NotRedis:
            raise errors.NotRedis(
                f"what answers at {address} is not Redis: check host and port"
            ) from None

    return single(("TIME",), check)


#: An operation of several round trips: yields exchanges, receives their results, returns a T.
if TYPE_CHECKING:
    Steps = Generator[Exchange[Any], Any, T]
    Operation = Exchange[T] | Steps[T]
else:
    Steps = Operation = Generator


def steps_of(operation: Operation[T]) -> Steps[T]:
    """The same operation as steps, also where it is one exchange."""
    result: T
    if isinstance(operation, Exchange):
        result = yield operation
    else:
        result = yield from operation
    return result


def drive(operation: Operation[T], run: Callable[[Exchange[Any]], Any]) -> T:
    """Carry out an operation with a blocking runner of single exchanges. An error of the runner
    is raised inside the generator, at its `yield`."""
    if isinstance(operation, Exchange):
        return run(operation)  # type: ignore[no-any-return]
    result: Any = None
    problem: errors.StoreError | None = None
    while True:
        try:
            step = operation.throw(problem) if problem else operation.send(result)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        try:
            result, problem = run(step), None
        except errors.StoreError as error:
            problem = error


def replaced(steps: Steps[T], change: Callable[[Exchange[Any]], Steps[Exchange[Any]]]) -> Steps[T]:
    """The same operation, in place of each exchange of which that is sent which the steps of
    `change` return. An error of either is raised inside `steps`, at its `yield`."""
    result: Any = None
    problem: Exception | None = None
    while True:
        try:
            step = steps.throw(problem) if problem is not None else steps.send(result)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        try:
            step = yield from change(step)
            result, problem = (yield step), None
        except Exception as error:
            problem = error


def checked(steps: Steps[T], check: Callable[[Exchange[Any]], Steps[None]]) -> Steps[T]:
    """The same operation, each exchange of which is sent after the steps of `check`. An error of
    either is raised inside `steps`, at its `yield`."""

    def after_check(step: Exchange[Any]) -> Steps[Exchange[Any]]:
        yield from check(step)
        return step

    return replaced(steps, after_check)


def within(steps: Steps[T], before: int, of: int) -> Steps[T]:
    """The same steps as a part of an operation on `of` jobs, of which `before` come before: their
    progress says so."""

    def as_a_part(step: Exchange[Any]) -> Steps[Exchange[Any]]:
        yield from ()
        if step.progress is None:
            return step
        return replace(step, progress=(before + step.progress[0], of))

    return replaced(steps, as_a_part)


def _is_noscript(reply: Reply) -> bool:
    return isinstance(reply, ErrorReply) and reply.text.startswith("NOSCRIPT")


_REFUSALS: dict[str, tuple[type[errors.Refused], str]] = {
    "NOAUTH": (
        errors.AuthRefused,
        "a password is needed: put it in the URL as redis://:PASSWORD@host",
    ),
    "WRONGPASS": (errors.AuthRefused, "wrong user name or password in the URL: correct it"),
    "NOPERM": (errors.AuthRefused, "this user lacks a right: extend its ACL"),
    "READONLY": (errors.ReadOnly, "the server is a replica: connect to the primary to write"),
    "OOM": (
        errors.OutOfMemory,
        "the server is at maxmemory and refuses writes: free or add memory",
    ),
    "LOADING": (errors.Busy, "the server is still loading its data: try again soon"),
    "BUSY": (errors.Busy, "the server is busy running a script: try again soon"),
    "MASTERDOWN": (errors.Busy, "the replica has lost its primary: try again soon"),
    "NOREPLICAS": (errors.ReadOnly, "too few replicas follow this primary, so it refuses writes"),
    "TRYAGAIN": (errors.Busy, "the cluster is moving keys: try again soon"),
    "ASK": (errors.Busy, "the cluster is moving keys: try again soon"),
    "CLUSTERDOWN": (errors.Busy, "the cluster is down: try again soon"),
    "CROSSSLOT": (errors.Refused, "in a cluster the namespace must be a hash tag: use {resque}"),
    "UNBLOCKED": (errors.Busy, "the server is no longer the primary: try again soon"),
    "MISCONF": (
        errors.NotPersisting,
        "the server cannot save to disk and refuses writes: free its disk",
    ),
    "WRONGTYPE": (errors.WrongType, "a key holds another kind of value than is kept there"),
    "DENIED": (errors.AuthRefused, "the server is in protected mode: have a password set for it"),
}
_NO_ROOM = "max number of clients"


class MovedAway(errors.StoreError):
    """A node of a cluster says that the keys are on another one. The runner goes there; callers
    never see this error."""

    def __init__(self, text: str) -> None:
        super().__init__(f"the cluster answers {text}")
        host, _, port = text.rpartition(" ")[2].rpartition(":")
        # A node may not know its own name.
        self._host = "" if host == "?" else host
        self._port = int(port)

    def node(self, asked: Address) -> Address:
        """Where the keys are, according to the node at `asked`."""
        host = self._host or asked.host
        return replace(asked, path=None, sentinels=(), host=host, port=self._port)


def _elsewhere(sent: Sequence[tuple[Arg, ...]], text: str) -> errors.StoreError:
    """What a MOVED means: another node has the keys of this exchange; or, when they are not of
    one hash tag, each node has some. Going from one to the other would then do a part twice."""
    tags = {_tag(command) for command in sent} - {b""}
    return MovedAway(text) if len(tags) == 1 else refusal(f"CROSSSLOT {text}")


def _tag(command: tuple[Arg, ...]) -> bytes:
    """What a cluster places a command's first key by; empty when it has none."""
    place = {"EVAL": 3, "EVALSHA": 3, "MEMORY": 2}.get(str(command[0]), 1)
    key = command[place] if len(command) > place else b""
    name = key if isinstance(key, bytes) else str(key).encode()
    tag = name.partition(b"{")[2].partition(b"}")
    return tag[0] if tag[0] and tag[1] else name


def _missing(text: str) -> errors.MissingCommand:
    """The error for a command that the server does not know. Its arguments, which the server may
    repeat, are left out: one of them can be a password, or a job."""
    said = text.partition(", with args")[0]
    return errors.MissingCommand(
        "the server does not know a command: it was renamed or switched off there, the server is "
        f"too old, or it is not Redis (it says: {said})"
    )


def refusal(text: str) -> errors.StoreError:
    """The error for an error reply, with what to do about it."""
    code, _, rest = text.partition(" ")
    if code == "@user_script:" or (code == "ERR" and "script" in rest):
        # Before Redis 7 an error inside a script carries its own code further on.
        words = rest.replace(" -", " ")
        code = next((known for known in _REFUSALS if f" {known} " in words), code)
    if "executing the script can't" in rest or "ACL failure in script" in rest:
        # A right that only a script lacks has no code of its own.
        code = "NOPERM"
    if _NO_ROOM in rest:
        advice = "the server takes no more clients: close some, or have its maxclients raised"
        return errors.TooManyClients(f"{advice} (Redis says: {text})")
    if "nknown command" in rest or "nknown subcommand" in rest or "nknown Redis command" in rest:
        return _missing(text)
    if "DB index" in rest:
        return errors.Refused(
            f"there is no database of that number: correct the URL (Redis says: {text})"
        )
    if code not in _REFUSALS:
        return errors.Refused(f"Redis refused: {text}")
    kind, advice = _REFUSALS[code]
    return kind(f"{advice} (Redis says: {text})")

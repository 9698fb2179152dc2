"""Many jobs at once are enqueued all or not at all; a lost answer is an error, never a guess."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import hiredis
import pytest
from tests.support.direct import Direct
from tests.support.engine_fixtures import StartRedis
from tests.support.lua_scripts import SCRIPTS
from tests.support.proxy import Proxy

from queuecore.address import parse_url
from queuecore.bulk import BLANK
from resque import Job, NoClassError, NoQueueError, Registry, Resque
from resque.errors import EncodeError, OutcomeUnknown, OutOfMemory, WrongType
from resque.jobs import Enqueueable

NAMES = Registry()
heard: list[str] = []


class Loud(Job, into=NAMES):
    queue = "a"
    name = "Loud"

    @staticmethod
    def perform(*args: Any) -> None: ...

    @staticmethod
    def before_enqueue(*args: Any) -> bool:
        heard.append(f"before {args}")
        return "veto" not in args

    @staticmethod
    def after_enqueue(*args: Any) -> None:
        heard.append(f"after {args}")


class Quiet(Loud, into=NAMES):
    queue = "b é"
    name = "Quiet"
    hooks = ()


class Nameless(Quiet, into=NAMES):
    name = ""


class Homeless(Job, into=NAMES):
    name = "Homeless"

    @staticmethod
    def perform(*args: Any) -> None: ...


Many = list[tuple[Enqueueable, Sequence[Any]]]


@pytest.fixture
def resque(redis_url: str, direct: Direct) -> Iterator[Resque]:
    heard.clear()
    client = Resque(redis_url)
    yield client
    client.close()


def test_each_goes_to_its_own_queue_in_the_order_given(resque: Resque, direct: Direct) -> None:
    many: Many = [(Loud, [1]), (Quiet, (2,)), (Loud, [3]), (Quiet, [])]
    assert resque.enqueue_many(many) == 4
    assert direct("LRANGE", "resque:queue:a", 0, -1) == [
        *(b'{"class":"Loud","args":[1]}', b'{"class":"Loud","args":[3]}')
    ]
    assert direct("LRANGE", "resque:queue:b é", 0, -1) == [
        *(b'{"class":"Quiet","args":[2]}', b'{"class":"Quiet","args":[]}')
    ]
    assert resque.queues() == ["a", "b é"]
    assert heard == ["before (1,)", "before (3,)", "after (1,)", "after (3,)"]


def test_the_vetoed_are_left_out(resque: Resque) -> None:
    assert resque.enqueue_many([(Loud, ["veto"]), (Loud, [1]), (Loud, ["veto", 2])]) == 1
    assert resque.size("a") == 1
    assert heard == ["before ('veto',)", "before (1,)", "before ('veto', 2)", "after (1,)"]


def test_none_at_all_sends_nothing(resque: Resque, direct: Direct) -> None:
    assert resque.enqueue_many([]) == 0
    assert resque.enqueue_many(iter(())) == 0
    assert resque.enqueue_many([(Loud, ["veto"])]) == 0
    assert direct("KEYS", "*") == []


@pytest.mark.parametrize(
    ("job", "args", "error"),
    [
        (Loud, [float("nan")], EncodeError),
        (Loud, [object()], EncodeError),
        (Loud, ["\ud800"], EncodeError),
        (Homeless, [], NoQueueError),
        ("Bare::Name", [], NoQueueError),
        (Nameless, [], NoClassError),
    ],
)
def test_one_that_cannot_be_stops_all(
    resque: Resque, direct: Direct, job: Enqueueable, args: list[Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        resque.enqueue_many([(Quiet, [1]), (job, args), (Quiet, [2])])
    assert direct("KEYS", "*") == []
    assert not any(line.startswith("after") for line in heard)


def test_a_generator_that_fails_half_way_sends_nothing(resque: Resque, direct: Direct) -> None:
    def jobs() -> Iterator[tuple[Enqueueable, Sequence[Any]]]:
        yield Quiet, [1]
        raise RuntimeError("the database is gone")

    with pytest.raises(RuntimeError):
        resque.enqueue_many(jobs())
    assert direct("KEYS", "*") == []


@pytest.mark.parametrize("key", ["resque:queue:a", "resque:queue:b é", "resque:queues"])
def test_a_key_of_the_wrong_kind_stops_all(resque: Resque, direct: Direct, key: str) -> None:
    direct("SET", key, "of another kind")
    with pytest.raises(WrongType):
        resque.enqueue_many([(Loud, [1]), (Quiet, [2])])
    assert direct("KEYS", "*") == [key.encode()]
    assert heard == ["before (1,)"]


def test_tens_of_thousands_are_one_call(resque: Resque, direct: Direct) -> None:
    assert resque.enqueue_many((Quiet, [n]) for n in range(25_000)) == 25_000
    items = direct("LRANGE", "resque:queue:b é", 0, -1)
    assert items == [b'{"class":"Quiet","args":[%d]}' % n for n in range(25_000)]


def test_a_server_without_memory_takes_none_and_says_so(start_redis: StartRedis) -> None:
    server = start_redis("--maxmemory-policy", "noeviction")
    resque = Resque(server.url)
    with server.direct() as direct:
        resque.enqueue(Quiet)
        direct("CONFIG", "SET", "maxmemory", "1")
        with pytest.raises(hiredis.ReplyError, match="OOM"):
            direct("SET", "x", "y")
        with pytest.raises(OutOfMemory):
            resque.enqueue(Quiet, 1)
        with pytest.raises(OutOfMemory):
            resque.enqueue_many([(Loud, [1]), (Quiet, [2])])
        assert (resque.size("a"), resque.size("b é")) == (0, 1)
    resque.close()


#: What a client looks with, whether a queue is Sidekiq's, before it writes.
_LOOK = SCRIPTS["ownership"].sha.encode()


class Losing:
    """Swallows the answer to a command, by its name, once."""

    def __init__(self, name: bytes) -> None:
        self._name: bytes | None = name

    def __call__(self, command: list[bytes], reply: Any) -> bool:
        if command[0] != self._name or isinstance(reply, Exception) or _LOOK in command:
            return True
        self._name = None
        return False


@pytest.mark.parametrize(
    ("lost", "jobs"), [(b"RPUSH", [(Loud, [1])]), (b"EVALSHA", [(Loud, [1]), (Quiet, [2])])]
)
def test_an_answer_that_never_came_is_an_unknown_outcome(
    redis_url: str, resque: Resque, direct: Direct, lost: bytes, jobs: Many
) -> None:
    path = parse_url(redis_url).path
    assert path is not None
    resque.enqueue_many([(Quiet, [0])])  # from here on the server knows the script
    with Proxy(Path(path), Losing(lost)) as proxy:
        lossy = Resque(proxy.url)
        heard.clear()
        attempt = lossy.enqueue_many if len(jobs) > 1 else lambda _: lossy.enqueue(Loud, 1)
        with pytest.raises(OutcomeUnknown):
            attempt(jobs)
        # It happened, once, without an answer; the client can still be used.
        assert resque.size("a") == 1
        assert resque.size("b é") == len(jobs)
        assert heard == ["before (1,)"]
        assert lossy.enqueue(Loud, 1)
        assert lossy.size("a") == 2
        lossy.close()


@pytest.mark.parametrize("jobs", [1, 11])  # a few are removed in another way than many
def test_a_dequeue_whose_answer_was_lost_is_an_unknown_outcome(
    redis_url: str, resque: Resque, direct: Direct, jobs: int
) -> None:
    path = parse_url(redis_url).path
    assert path is not None
    many = [(Quiet, [number]) for number in range(jobs)]
    resque.enqueue_many(many)
    assert resque.dequeue(Quiet) == jobs  # from here on the server knows the scripts
    resque.enqueue_many(many)

    def lose_what_is_taken(command: list[bytes], reply: Any) -> bool:
        return command[0] != b"LREM" and BLANK not in command

    with Proxy(Path(path), lose_what_is_taken) as proxy:
        lossy = Resque(proxy.url)
        with pytest.raises(OutcomeUnknown):
            lossy.dequeue(Quiet)
        lossy.close()
    assert resque.size("b é") == 0


@pytest.mark.parametrize(
    "attempt",
    [
        lambda resque: resque.enqueue_to("q", "A", "caf\udce9"),
        lambda resque: resque.enqueue_to("caf\udce9", "A"),
        lambda resque: resque.enqueue_to("q", "Caf\udce9"),
        lambda resque: resque.enqueue_at_to("q", 4_000_000_000, "A", "caf\udce9"),
        lambda resque: resque.enqueue_at_to("caf\udce9", 4_000_000_000, "A"),
        lambda resque: resque.enqueue_many([(Quiet, [1]), (Quiet, ["caf\udce9"])]),
    ],
)
def test_what_is_not_utf8_is_refused_as_by_ruby(
    resque: Resque, direct: Direct, attempt: Callable[[Resque], Any]
) -> None:
    with pytest.raises(EncodeError, match="is not UTF-8"):
        attempt(resque)
    assert direct("KEYS", "*") == []

"""What could not be read is unknown: each command with each way in which Redis may refuse a part. A
command either prints the same as with a server that answers everything, or says that something is
unknown, why, and ends with status 3."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest
from click.testing import CliRunner
from tests import words as texts
from tests.support.commands import Push
from tests.support.direct import Direct
from tests.support.rights import a_user

from qtop.commands.cli import main
from queuecore import ahead
from queuecore.exchange import Call, Command, Exchange, Operation, drive, refusal
from queuecore.lean import LeanStore
from resque.errors import StoreError, Unreachable

T = TypeVar("T")

WORKER: Final = "h:1:mail"
#: Commands that read something.
COMMANDS: Final = {
    "once": ("--once",),
    "queues": ("queues", "--json"),
    "queues as a table": ("queues",),
    "filtered queues": ("queues", "--filter", "queue:mail"),
    "workers": ("workers", "--json"),
    "failed": ("failed", "--json"),
    "delayed": ("delayed", "--json"),
    "schedules": ("schedules", "--json"),
    "stats": ("stats", "--json"),
    "stats as a table": ("stats",),
    "audit": ("audit", "--json"),
    "find": ("find", "class:*", "--json"),
    "show failed": ("show", "--from", "failed", "--json"),
    "show waiting": ("show", "--from", "queue:mail", "--json"),
    "prune": ("prune", "--dry-run", "--json"),
    "export": ("export", "FILE", "--from", "failed", "--no-redact"),
    "delete": ("delete", "--from", "queue:mail", "--dry-run", "--json"),
    "requeue": ("requeue", "--from", "failed", "--dry-run", "--json"),
    "clear": ("clear", "queue:mail", "--dry-run", "--json"),
}
#: Some of the existing keys, and the commands that must not do without each.
KEYS: Final[Mapping[str, frozenset[str]]] = {
    key: frozenset(needed)
    for key, needed in {
        "queues": {"once", "queues", "queues as a table", "filtered queues", "stats", "find"},
        "queue:mail": {"once", "queues", "stats", "find", "show waiting", "delete", "prune"},
        "workers": {"once", "queues", "filtered queues", "workers", "stats", "find"},
        "workers:heartbeat": {"once", "queues", "workers", "prune"},
        f"worker:{WORKER}": {"once", "queues", "workers", "stats", "find"},
        "failed": {"once", "queues", "failed", "stats", "find", "show failed", "export", "requeue"},
        "delayed_queue_schedule": {"once", "delayed", "find"},
        "persistent_schedules": {"once", "schedules"},
        "qtop:audit": {"once", "audit"},
        "stat:processed": {"once", "stats"},
        "stat:failed": {"once", "stats"},
        "pause-all-workers": {"once", "stats"},
        "unreadable:mail": {"once", "queues", "stats", "find"},
        "everything": set(COMMANDS),
    }.items()
}
#: The keys that a user may read who may read all but one.
PATTERNS: Final = (
    *("queues", "queue:*", "workers", "workers:*", "worker:*", "failed", "failed_queues"),
    *("delayed*", "persistent_schedules*", "last_enqueued_at", "qtop:*", "stat:*", "pause*"),
    *("unreadable:*", "timestamps:*", "resque_scheduler_master_lock", "schedules_changed"),
)
ALWAYS_ANSWERED: Final = ("TIME", "INFO", "PING", "CONFIG")
#: A claim that there is nothing.
ZEROES: Final = (
    *("0 jobs waiting", "0 queues", "0 workers", "no queues", "no workers", "no failures"),
    *(
        "working, 0 failed",
        "no failure on record",
        texts.NOTHING_IS_WRONG,
        texts.NOTHING_MATCHES,
        "is empty",
    ),
    *("no dead workers", "\tunserved", texts.UNSERVED, "no live workers"),
)
#: What changes with time.
VOLATILE: Final = frozenset({"heartbeat_age_s", "for_s", "in_s", "undo_left_s", "how", "next_at"})

Ran = tuple[int, str, str]
Run = Callable[[str, str], Ran]
CheckAll = Callable[..., None]
Fault = Callable[[int, Command], StoreError | None]


class FaultyStore:
    """The commands' connection, on which something fails. `fault` gets the number of round trips so
    far, and a command."""

    fault: Fault = staticmethod(lambda trip, command: None)

    def __init__(self, *args: Any, **options: Any) -> None:
        self._store = LeanStore(*args, **options)
        self._trips = -1

    def run(self, operation: Operation[T]) -> T:
        return drive(operation, self._one)

    def _one(self, exchange: Exchange[Any]) -> Any:
        self._trips += 1
        plain: Exchange[list[Any]] = Exchange(exchange.commands, list, tolerant=True)
        replies = self._store.run(plain)
        for at, command in enumerate(exchange.commands):
            error = type(self).fault(self._trips, command)
            if isinstance(error, Unreachable):
                raise error
            replies[at] = replies[at] if error is None else error
        wrong = [each for each in replies if isinstance(each, StoreError)]
        if wrong and not exchange.tolerant:
            raise wrong[0]
        return exchange.parse(replies)

    def close(self) -> None:
        self._store.close()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a command in this process, on a server by its URL; gives status, stdout, stderr."""

    def running(name: str, url: str) -> Ran:
        file = tmp_path / f"{len(list(tmp_path.iterdir()))}.jsonl"
        words = [str(file) if word == "FILE" else word for word in COMMANDS[name]]
        done = CliRunner().invoke(main, words, env={"REDIS_URL": url, "TZ": "UTC"})
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
        written = file.read_text() if file.exists() else ""
        return done.exit_code, done.stdout + written, done.stderr

    return running


@pytest.fixture(scope="module")
def answers() -> dict[str, Ran]:
    """What each command prints with a server that answers everything; each was run once."""
    return {}


@pytest.fixture
def well(direct: Direct, push: Push, fail: Push, redis_url: str) -> str:
    """A server with something of everything; its URL."""
    push("Mail", 1)
    push("Mail", 2)
    fail("Mail", 3)
    direct("RPUSH", "resque:unreadable:mail", "no json")
    direct("SADD", "resque:workers", WORKER, "h:2:mail")
    direct("HSET", "resque:workers:heartbeat", "h:2:mail", int(direct("TIME")[0]) + 3_600)
    direct("HSET", "resque:workers:heartbeat", WORKER, "2026-01-01T00:00:00+00:00")
    record = {"queue": "mail", "run_at": "2026-01-01T00:00:00Z", "payload": {"class": "M"}}
    direct("SET", f"resque:worker:{WORKER}", json.dumps(record))
    direct("ZADD", "resque:delayed_queue_schedule", 4_000_000_000, "4000000000")
    job = json.dumps({"class": "Later", "args": [], "queue": "mail"})
    direct("RPUSH", "resque:delayed:4000000000", job)
    schedule = json.dumps({"class": "Nightly", "cron": "0 3 * * *", "queue": "mail"})
    direct("HSET", "resque:persistent_schedules", "nightly", schedule)
    direct("XADD", "resque:qtop:audit", "1-1", "id", "1", "who", "me", "action", "pause")
    direct("SET", "resque:stat:processed", 7)
    direct("SET", "resque:stat:failed", 1)
    direct("SET", "resque:pause-all-workers", "false")
    return redis_url


def check(name: str, ran: Ran, before: Ran, *, is_needed: bool) -> None:
    status, out, err = ran
    if status != 3:
        assert not is_needed, f"{name} left with {status}: {out}{err}"
        assert (status, plain(name, out)) == (before[0], plain(name, before[1])), name
        return
    assert err.strip(), name
    assert [word for word in ZEROES if word in out + err] == [], (name, out, err)
    if COMMANDS[name][-1] == "--json":
        whole = [json.loads(line) for line in before[1].splitlines()]
        for each in map(json.loads, out.splitlines()):
            assert any(is_part(each, other) for other in whole), (name, each, whole)
    if name == "stats as a table":
        figures = dict(line.split("\t") for line in before[1].splitlines())
        for key, text in (line.split("\t") for line in out.splitlines()):
            assert text == figures[key] or "unknown" in text or "at least" in text, (key, text)


def plain(name: str, out: str) -> object:
    """What a command prints, without what changes with time."""
    if COMMANDS[name][-1] == "--json":
        rows = [json.loads(line) for line in out.splitlines()]
        return [{k: v for k, v in row.items() if k not in VOLATILE} for row in rows]
    return out if name == "export" else None


def is_part(some: Mapping[str, Any], whole: Mapping[str, Any]) -> bool:
    """Whether a row says the same as another, as far as it is known."""
    return all(
        value is None or value == whole.get(key)
        for key, value in some.items()
        if key not in (VOLATILE | {"unknown", "problem", "state", "doubt"})
        and "_at_least" not in key
    )


@pytest.fixture
def check_all(run: Run, well: str, answers: dict[str, Ran]) -> Callable[..., None]:
    """Breaks something, and runs each command."""

    def checking(url: str, key: str, spoil: Callable[[], None] = lambda: None) -> None:
        if not answers:
            answers.update({name: run(name, well) for name in COMMANDS})
            assert {name for name, ran in answers.items() if ran[0]} == set(), answers
        spoil()
        for name in COMMANDS:
            check(name, run(name, url), answers[name], is_needed=name in KEYS.get(key, ()))

    return checking


@pytest.mark.parametrize("key", [key for key in KEYS if key != "everything"])
def test_a_key_of_another_kind_is_unknown(
    check_all: CheckAll, direct: Direct, well: str, key: str
) -> None:
    def spoil() -> None:
        is_text = direct("TYPE", f"resque:{key}") == b"string"
        direct("DEL", f"resque:{key}")
        direct(*(("RPUSH",) if is_text else ("SET",)), f"resque:{key}", "x")

    check_all(well, key, spoil)


@pytest.mark.parametrize("key", [key for key in KEYS if key in PATTERNS])
def test_a_key_that_a_user_may_not_read_is_unknown(
    check_all: CheckAll, direct: Direct, well: str, key: str
) -> None:
    others = [f"~resque:{each}" for each in PATTERNS if each != key]
    with a_user(direct, well, "+@all", *others) as url:
        check_all(url, key)


@pytest.mark.parametrize(
    ("command", "key"),
    [
        ("smembers", "queues"),
        ("hgetall", "workers:heartbeat"),
        ("llen", "queue:mail"),
        ("lrange", "failed"),
        ("get", "stat:processed"),
        ("zrangebyscore", ""),
        ("xrevrange", "qtop:audit"),
        ("mget", ""),
        # Lists are read without a script where there is none.
        ("evalsha", ""),
        ("hget", ""),
    ],
)
def test_a_command_that_a_user_may_not_run_leaves_unknown(
    check_all: CheckAll, direct: Direct, well: str, command: str, key: str
) -> None:
    with a_user(direct, well, "~*", "+@all", f"-{command}") as url:
        check_all(url, key)


@pytest.mark.parametrize(
    "text", ["LOADING Redis is loading the dataset", "MASTERDOWN Link with MASTER is down"]
)
def test_a_server_that_does_not_answer_for_now_leaves_everything_unknown(
    run: Run, well: str, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    def busy(_trip: int, command: Command) -> StoreError | None:
        is_answered = not isinstance(command, Call) and command[0] in ALWAYS_ANSWERED
        return None if is_answered else refusal(text)

    monkeypatch.setattr(FaultyStore, "fault", staticmethod(busy))
    monkeypatch.setattr(ahead, "AheadStore", FaultyStore)
    for name in COMMANDS:
        status, out, err = run(name, well)
        assert (status, text.partition(" ")[0] in err) == (3, True), name
        assert [word for word in ZEROES if word in out + err] == [], name


@pytest.mark.parametrize("trip", range(3))
def test_parts_that_do_not_arrive_in_time_are_unknown(
    check_all: CheckAll, well: str, monkeypatch: pytest.MonkeyPatch, trip: int
) -> None:

    def late(trips: int, _command: Command) -> StoreError | None:
        return Unreachable("no answer within 10 s") if trips >= trip else None

    def spoil() -> None:
        monkeypatch.setattr(FaultyStore, "fault", staticmethod(late))
        monkeypatch.setattr(ahead, "AheadStore", FaultyStore)

    check_all(well, "everything" if trip < 2 else "", spoil)

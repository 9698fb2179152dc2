"""A filter finds the same jobs whether it looks at the bytes of entries first or not."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtop.model.job import DueTime, Job, JobSource
from qtop.model.job_list import Entry
from qtop.search.byte_tests import ByteTest
from qtop.search.fields import of_job
from qtop.search.filter_language import BadPattern, Filter, parse, pattern
from qtop.search.list_walk import scan
from qtop.search.selection import JobQuery, JobSearch
from qtop.systems.resque.entry_layouts import layout_of
from qtop.systems.resque.job_lists import ListEntry, ResqueList, job_list
from qtop.systems.resque.job_reader import delayed_item, failed_job, waiting_job
from queuecore.active_job import WRAPPER, WRAPPERS
from queuecore.codec import REASONS
from queuecore.exchange import single
from queuecore.stores import Store
from queuecore.windows import Item, whole
from resque.keys import Keys
from resque.store import failures

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SOURCES: dict[JobSource, Callable[[Item], Job]] = {
    JobSource("failed", "failed"): lambda item: failed_job(item, 0),
    JobSource("queue", "mail"): lambda item: waiting_job(item, 0, "mail"),
    JobSource("unreadable", "mail"): lambda item: waiting_job(item, 0, "mail"),
    JobSource("delayed", ""): lambda item: delayed_item(
        item, DueTime(NOW.timestamp() + 60, "1", 1), None, 0
    ),
}

# Entries as hostile as they get.

KEYS = (
    *("class", "args", "queue", "error", "exception", "failed_at", "retried_at", "worker"),
    *("payload", "backtrace", "job_class", "arguments", "x", "class ", '"class', "\\class"),
)
TEXTS = (
    *("Mail", "Mail::Send", "mail", "low", "Report", WRAPPER, "type", "deliver_now", "UserMailer"),
    *("type: <class 'app.Refused'>", "app.Refused: no", "time out", "TIME OUT", "null", "json"),
    *("2026/11/23 11:59:00 UTC", "2026-11-23 11:00:00 UTC", "1764000000", "42", "4.2e1", "", " "),
    *(
        'a "quoted" text',
        "a/b",
        "a\\b",
        "\\",
        "\\u0041",
        "tab\there",
        "line\nbreak",
        "\x00",
        "\x7f",
    ),
    *(
        "straße",
        "\u212aelvin",
        "\u017f",
        "İ",
        "ﬁ",
        "\u00ad",
        "\udcff",
        "\ud800",
        "😀",
        ']},"class":"Mail"',
    ),
    *("mail2", "\x1bb1c", "\x1bmail2", "\x00kelvin1", "\nmail2", "n42", "a\x1bb", "\ud8001b"),
    *(
        '","class":"Mail","x":"',
        '{"class":"Mail"}',
        '"class":"Mail"',
        'x"',
        "]",
        "[",
        "},",
        "class",
    ),
)
NUMBERS = ("42", "42.0", "4.2e1", "0", "-0", "1E400", "-1", "NaN", "Infinity", "1e2", "9" * 30)


class Hostile:
    """Writes JSON, and what looks like it, in every way that a reader accepts, and in others."""

    def __init__(self, random: Random) -> None:
        self.random = random
        #: How seldom something odd is done.
        self.oddness = random.choice((2, 5, 20, 200))

    def is_odd(self) -> bool:
        return self.random.randrange(self.oddness) == 0

    def text(self, text: str) -> str:
        """A text in quotes, its characters spelled this way or that."""
        plain = json.dumps(text, ensure_ascii=self.is_odd())[1:-1]
        if "\\" not in plain and self.is_odd():
            spelled = (f"\\u{ord(c):04x}" if self.is_odd() and ord(c) < 65_536 else c for c in text)
            plain = "".join("\\/" if c == "/" and self.is_odd() else c for c in spelled)
        if self.is_odd():
            plain = plain.replace("\\t", "\t").replace("\\n", "\n")
        return f'"{plain}"'

    def blank(self) -> str:
        return self.random.choice(("", " ", "\n", "\t ")) if self.is_odd() else ""

    def value(self, depth: int = 0) -> str:
        kind = self.random.randrange(8 if depth < 4 else 5)
        if kind < 3:
            return self.text(self.random.choice(TEXTS))
        if kind < 5:
            return self.random.choice((*NUMBERS, "true", "false", "null"))
        if kind == 5:
            return self.array([self.value(depth + 1) for _ in range(self.random.randrange(4))])
        many = self.random.randrange(4)
        return self.members(
            [(self.random.choice(KEYS), self.value(depth + 1)) for _ in range(many)]
        )

    def array(self, values: list[str]) -> str:
        return f"[{self.blank()}{(self.blank() + ',' + self.blank()).join(values)}]"

    def members(self, pairs: list[tuple[str, str]]) -> str:
        if self.is_odd():
            pairs.append((self.random.choice(KEYS), self.value(3)))
        if pairs and self.is_odd():
            pairs.append(self.random.choice(pairs))
        if self.is_odd():
            self.random.shuffle(pairs)
        return self.written(pairs)

    def written(self, pairs: list[tuple[str, str]]) -> str:
        parts = (f"{self.text(k)}{self.blank()}:{self.blank()}{v}" for k, v in pairs)
        return f"{{{self.blank()}{(self.blank() + ',' + self.blank()).join(parts)}{self.blank()}}}"

    def of(self, *usual: str) -> str:
        """One of the usual texts, or anything."""
        return self.value() if self.is_odd() else self.text(self.random.choice(usual))

    def job(self) -> list[tuple[str, str]]:
        name, args = self.of("Mail", "Mail::Send", "Report"), [self.value() for _ in range(3)]
        if self.random.randrange(4) == 0:
            mail = [self.of("UserMailer"), self.of("welcome"), self.of("deliver_now"), *args]
            inner = [("job_class", self.of("Mail", "Report")), ("arguments", self.array(mail))]
            name, args = self.text(self.random.choice(sorted(WRAPPERS))), [self.members(inner)]
        return [("class", name), ("args", self.value() if self.is_odd() else self.array(args))]

    def failure(self) -> list[tuple[str, str]]:
        pairs = [
            ("failed_at", self.of("2026/11/23 11:59:00 UTC", "2026/11/23 01:00:00 UTC")),
            ("payload", self.value() if self.is_odd() else self.members(self.job())),
            ("exception", self.of("Timeout", "Refused", "type")),
            ("error", self.of("time out", "no", "type: <class 'app.Refused'>")),
            ("backtrace", self.array([self.of("app.py:1", "Refused: time out")])),
            ("worker", self.of("web1:42:mail")),
            ("queue", self.of("mail", "low")),
        ]
        if self.random.randrange(3) == 0:
            pairs.append(("retried_at", self.of("2026/11/23 11:59:30")))
        return pairs

    def entry(self) -> bytes:
        is_failure = self.random.randrange(3) > 0
        pairs = self.failure() if is_failure else [*self.job(), ("queue", self.of("mail", "low"))]
        text = self.value() if self.random.randrange(40) == 0 else self.members(pairs)
        raw = bytearray(text.encode("utf-8", "surrogatepass"))
        if self.random.randrange(8) == 0:
            at = self.random.randrange(len(raw) + 1)
            odd = self.random.choice((b"", b"\xff", b"\\", b'"', b"}", b"\xc3\x28", b" ", b"\0"))
            raw[at : at + self.random.choice((0, 1, len(raw)))] = odd
        return bytes(raw)


FILTERS = tuple(
    map(
        parse,
        (
            *("class:Mail", "class:Mail*", 'class:""', "class:*", "class:/^mail/", "!class:Mail"),
            *(
                "class:UserMailer#welcome",
                "class:Report queue:mail",
                "!class:/a/",
                f"class:{WRAPPER}",
            ),
            *("exception:Timeout", "exception:*Refused", "!exception:type", 'exception:""'),
            *(
                "error:time",
                "error:/time ?out/",
                "!error:no",
                "error:x1b",
                "error:strasse",
                "error:k",
            ),
            *(
                "queue:mail",
                "queue:low",
                "!queue:mail",
                'queue:""',
                "queue:*",
                "worker:WEB1",
                "!worker:w",
            ),
            *("args.0:42", "args.1:42", "args.0.x:42", "args.1:true", "args.2:*", "!args.0:42"),
            *(
                "args.0.class:Mail",
                "args.1:/./",
                'args.0:""',
                "args.1:null",
                "args.x:1",
                "args.2:4.2e1",
            ),
            *("args:42", "args:mail", 'args:"[42,"', "!args:m", "args:infinity", 'args:"\\\\"'),
            *(
                "age>1h",
                "age<1h",
                "!age>1h",
                "age>=0s",
                "due<10m",
                "failed:2026-11-23",
                "!failed:2026-11-23",
                "after:2026-11-23T11:30Z",
                "before:2026-11-23T11:30Z",
                "due:2026-11-23",
                "waiting>1",
                "due>1h",
                "!due<10m",
                "id:a",
                "!id:a",
            ),
            *("id:0", "retried:yes", "retried:no", "!retried:yes", "readable:yes", "readable:no"),
            *(
                "!readable:no",
                "mail",
                "time out",
                "/time ?out/",
                "json",
                "!json",
                "42",
                '"a/b"',
                "null",
            ),
            *(
                "class:Mail error:time",
                "class:Mail !args.1:42 age<1h",
                "error:time mail readable:yes",
            ),
            *(
                "refused",
                "nite",
                "xmail",
                "nbreak",
                "/mail.*send/",
                "reak",
                *("/l[io]ne/", "/4[^x]?2 /", "x1bb", "001b", "u0041", "mail2", "kelvin1", "n42"),
                "unicode",
                "there",
                "mail !queue:low",
                "queue:mail !class:Mail",
                "serves:mail",
                "!serves:mail",
                "readable:no mail",
            ),
        ),
    )
)


def wrong(raw: bytes) -> Iterator[tuple[str, JobSource]]:
    """The filters that find a job in these bytes which the test on them does not let through."""
    for source, read in SOURCES.items():
        subject = of_job(read(whole(raw)), NOW)
        layout = layout_of(source, NOW)
        for wanted in FILTERS:
            if wanted.matches(subject) and not ByteTest(wanted, layout).sieve([raw]):
                yield wanted.text, source


@given(
    st.text("abkK .*?+^$s}[]-\n", max_size=8), st.text("abkKAB sS\n}]+*\u212a\u017f", max_size=8)
)
def test_an_expression_finds_what_it_finds_without_a_look_for_its_longest_text(
    body: str, text: str
) -> None:
    try:
        expression = pattern(body)
    except BadPattern:
        return
    assert expression.is_in(text) == (expression.compiled.search(text) is not None)


@given(st.integers(0, 2**64))
def test_the_test_on_bytes_refuses_nothing_that_matches(seed: int) -> None:
    raw = Hostile(Random(seed)).entry()
    assert list(wrong(raw)) == [], raw


@given(st.integers(0, 2**64), st.sampled_from([None, "low"]))
def test_what_was_read_for_the_job_decides_as_the_bytes_do(seed: int, to: str | None) -> None:
    raw = Hostile(Random(seed)).entry()
    entry = ListEntry(ResqueList(Keys(), JobSource("failed", "failed")), raw, 0)
    assert entry.job == failed_job(whole(raw), 0)
    assert failures.requeue(raw, to, entry.value) == failures.requeue(raw, to)


@given(st.integers(0, 2**64))
def test_many_entries_are_tested_at_once_as_each_by_itself(seed: int) -> None:
    chance = Random(seed)
    plain = [failure(chance.choice(("Mail", "Low")), chance.randrange(50)) for _ in range(4)]
    raws: list[bytes | None] = [*plain, *(Hostile(chance).entry() for _ in range(3)), None]
    raws = chance.sample(raws, chance.randrange(1, len(raws) + 1))
    layout = layout_of(JobSource("failed", "failed"), NOW)
    for wanted in chance.sample(FILTERS, 10):
        singly = [at for at, raw in enumerate(raws) if ByteTest(wanted, layout).sieve([raw])]
        assert ByteTest(wanted, layout).sieve(raws) == singly, (wanted.text, raws)


@pytest.mark.parametrize(
    "raw",
    [
        rb'{"class":"Low","cl\u0061ss":"Mail","args":[]}',
        rb'{"class":"Low","class":"Mail","args":[]}',
        rb'{"x\"class":"Low","\u0063lass":"Mail"}',
        b'{"args":[{"class":"Low"}]}',
        b'{"payload":{"args":[{"class":"Low"}]}}',
        b'{"payload":{"class":["a\x1bb"]},"error":["a\x1bb"]}',
        b'{"payload":{"class":"Low"},"exception":"type","error":"type: <class \'Mail\'>"}',
        b'{"payload":{"class":"Mail","args":[4.2e1,42.0]},"error":"stra\xc3\x9fe \xe2\x84\xaa"}',
        b'{"class":"Mail","args":[1,2',
        b"[" * 100_000,
        b'{"class":"Mail","args":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"class":"Mail","args":[' + b"9" * 5_000 + b"]}",
        b"",
        b"\xff",
    ],
)
def test_no_trick_hides_a_match(raw: bytes) -> None:
    assert list(wrong(raw)) == []


@given(
    st.text('[{"a:,]}0.e-\\\\u\n\ufeff', max_size=8).map(str.encode)
    | st.sampled_from([b"[" * 100_000, b"9" * 5_000, b"null", b"[]", b"true", b'"a"', b"1.5", b""])
)
def test_why_an_entry_cannot_be_read_is_said_in_words_that_are_known(raw: bytes) -> None:
    for read in SOURCES.values():
        problem = read(whole(raw)).problem
        for word in re.findall("[A-Za-z]{3,}", problem or ""):
            assert word.lower() in REASONS.lower(), problem


def failure(name: str, number: int, **more: Any) -> bytes:
    entry = {
        "failed_at": "2026/11/23 11:59:00 UTC",
        "payload": {"class": name, "args": [number, {"x": number}]},
        **{"exception": "Refused", "error": f"no {number}", "backtrace": ["app.rb:1"] * 9},
        **{"worker": "web1:42:mail", "queue": "mail"},
    }
    return json.dumps(entry | more, separators=(",", ":")).encode()


class Met:
    """An entry of a walk that counts the jobs which are made."""

    place = 0

    def __init__(self, raw: bytes, made: list[bytes]) -> None:
        self.raw, self._made = raw, made

    @property
    def job(self) -> Job:
        self._made.append(self.raw)
        return failed_job(whole(self.raw), 0)

    group: Any = None
    value: Any = None


def found(search: JobSearch, entries: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """What a search finds, and of which entries jobs were made for it."""
    made: list[bytes] = []
    met: list[Entry] = [Met(raw, made) for raw in entries]
    jobs = [job.item.raw for each in met if (job := search.find(each)) is not None]
    return jobs, made


@pytest.mark.parametrize(
    "text",
    [
        *("class:Rare", "!class:Mail", "args.1.x:7", "args.0:7", "error:/ 7$/ class:Rare"),
        *('"no 7"', "/no 7$/", "retried:yes", 'args:"\\"x\\":7"'),
    ],
)
def test_jobs_are_made_only_of_what_matches(text: str) -> None:
    entries = [failure("Mail", number + 100) for number in range(90)]
    entries.append(failure("Rare", 7, retried_at="2026/11/23 11:59:30"))
    source = JobSource("failed", "failed")
    query = JobQuery(source, parse(text))
    jobs, made = found(JobSearch(query, NOW, layout_of(source, NOW)), entries)
    assert jobs == made == entries[-1:]
    assert found(JobSearch(query, NOW), entries) == (jobs, entries)


def test_entries_are_not_tested_where_most_match() -> None:
    read: list[bytes] = []
    layout = layout_of(JobSource("failed", "failed"), NOW)
    counting = type(layout)(
        layout.members, lambda raw: read.append(raw), layout.subject, layout.known
    )
    tested = ByteTest(parse("mail"), counting)
    assert all(tested.may_match(b'{"a":"mail"}') for _ in range(900))
    assert len(read) < 100


@pytest.mark.redis
@pytest.mark.parametrize("kind", ["failed", "queue", "delayed"])
@pytest.mark.parametrize("text", ["class:Rare", "args.1.x:7", "!class:Mail", "/ra?re/", ""])
def test_a_scan_finds_all_that_match_in_their_order(redis_url: str, kind: Any, text: str) -> None:
    keys, wanted, seen = Keys(), parse(text), list[bytes]()
    source = JobSource(kind, "failed" if kind == "failed" else "" if kind == "delayed" else "q")
    write = _written(keys, kind)
    with Store(redis_url) as store:
        entries = [write(store, "Rare" if n % 50 == 7 else "Mail", n) for n in range(300)]
        jobs = job_list(keys, source)
        look = scan(jobs, wanted, NOW, lambda job: seen.append(job.item.raw))
        assert store.run(look).length == len(entries)
    listed = entries[::-1] if kind == "failed" else entries
    assert seen == [raw for raw in listed if _is_found(source, wanted, raw)]
    assert seen


def _is_found(source: JobSource, wanted: Filter, raw: bytes) -> bool:
    return (
        wanted.matches(of_job(SOURCES[source](whole(raw)), NOW))
        if source in SOURCES
        else (wanted.matches(of_job(waiting_job(whole(raw), 0, source.name), NOW)))
    )


def _written(keys: Keys, kind: str) -> Callable[[Store, str, int], bytes]:
    """Writes an entry to a list, and returns it."""

    def write(key: Callable[[int], bytes], store: Store, name: str, number: int) -> bytes:
        raw = json.dumps({"class": name, "args": [number, {"x": number}], "queue": "q"}).encode()
        raw = failure(name, number) if kind == "failed" else raw
        store.run(single(("RPUSH", key(number), raw), int, writes=True))
        if kind == "delayed":
            stamp = str(1_900_000_000 + number // 7)
            store.run(single(("ZADD", keys.delayed_schedule(), stamp, stamp), int, writes=True))
        return raw

    lists: dict[str, Callable[[int], bytes]] = {
        "failed": lambda number: keys.failed(),
        "queue": lambda number: keys.queue("q"),
        "delayed": lambda number: keys.delayed(str(1_900_000_000 + number // 7)),
    }
    return partial(write, lists[kind])

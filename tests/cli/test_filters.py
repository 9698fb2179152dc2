"""The filter language: what each term selects. Bad filters raise BadFilter and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from qtop.model.job import DueTime
from qtop.search.fields import Subject, of_job
from qtop.search.filter_language import BadFilter, duration_s, parse, term
from qtop.systems.resque.job_reader import delayed_item, failed_job, waiting_job
from qtop.text.safe import safe
from queuecore import windows
from queuecore.active_job import WRAPPER

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def failure(**changes: Any) -> Subject:
    """An ordinary failure, an hour old, with some changes."""
    entry = {
        "failed_at": "2026/11/23 11:00:00 UTC",
        "payload": {"class": "Mailers::Welcome", "args": [42, {"user": {"id": 7, "ok": True}}]},
        "exception": "Net::ReadTimeout",
        "error": "Timeout while talking to mail.example.com",
        "worker": "web-3:123:mail,low",
        "queue": "mail",
        **changes,
    }
    item = windows.whole(json.dumps(entry).encode())
    return of_job(failed_job(item, 0), NOW)


def waiting(raw: bytes) -> Subject:
    return of_job(waiting_job(windows.whole(raw), 0, "mail"), NOW)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "class:Mailers::Welcome",
        "class:Mailers::*",
        "class:*::Wel*me",
        'class:"Mailers::Welcome"',
        "class:/^mailers::w/",
        "exception:Net::ReadTimeout",
        "queue:mail",
        "error:TALKING",
        'error:"while talking"',
        "error:/mail\\.example\\.(com|org)/",
        "worker:web-3",
        "args.0:42",
        "args.0:42.0",
        "args.1.user.id:7",
        "args.1.user.ok:true",
        'args.1.user:{"id":7,"ok":true}',
        "args:user",
        "age>30m",
        "age>=1h",
        "age<1h30m",
        "age<=1h",
        "retried:no",
        "timeout",
        "Mailers::Welcome",
        "net::read MAILERS",
        '"talking to"',
        "/time ?out/",
        "!queue:low",
        "!/nothing/",
        "!class:Mail*Goodbye !args.0:43",
        "\tclass:Mailers::*   age<1d\n",
    ],
)
def test_a_failure_matches(text: str) -> None:
    assert parse(text).matches(failure())


@pytest.mark.parametrize(
    "text",
    [
        "class:Welcome",
        "class:mailers::welcome",
        'class:"Mailers::*"',
        "class:Mailers::*Welcome!",
        "queue:mai",
        "exception:",
        "error:nothing",
        "args.0:4",
        "args.5:42",
        "args.-1:42",
        "args.1.user.ok:1",
        "args.user:7",
        "age>1h",
        "age<1h",
        "retried:yes",
        "timeout nothing",
        "!queue:mail",
        "!timeout",
    ],
)
def test_a_failure_does_not_match(text: str) -> None:
    try:
        wanted = parse(text)
    except BadFilter:
        assert text == "exception:"
        return
    assert not wanted.matches(failure())


def test_a_job_in_rails_wrapper_is_found_by_its_own_class_and_arguments() -> None:
    inner = {"job_class": "Report", "arguments": [5]}
    subject = failure(payload={"class": WRAPPER, "args": [inner]})
    assert parse("class:Report args.0:5").matches(subject)


def test_an_absent_field_is_an_empty_text() -> None:
    subject = waiting(b'{"args":[]}')
    assert parse('class:""').matches(subject)
    assert parse("!class:Mail").matches(subject)
    assert not parse("class:Mail").matches(subject)


@pytest.mark.parametrize(
    "text",
    [
        "class:Mail",
        "!class:Mail",
        "args.0:1",
        "!args.0:1",
        "!word",
        "age>1s",
        "!age>1s",
        "retried:no",
        "!retried:no",
        "!/x/",
    ],
)
def test_an_unknown_value_matches_neither_a_term_nor_its_opposite(text: str) -> None:
    assert not parse(text).matches(waiting(b"no json"))


def test_an_unreadable_item_is_found_by_its_text_its_queue_and_its_id() -> None:
    subject = waiting(b"no json \xff at all")
    assert parse("json queue:mail").matches(subject)
    assert parse(f"id:{subject.id[:8]}").matches(subject)
    assert parse(f"id:{subject.id[:8].upper()}").matches(subject)
    assert not parse("id:0000000000000").matches(subject)
    assert parse("!queue:low").matches(subject)


def test_a_filter_sees_the_beginning_of_a_huge_failure() -> None:
    entry = json.dumps({"payload": {"class": "Mail", "args": []}, "error": "x" * 100}).encode()
    item = replace(windows.whole(entry), size=10**9)
    subject = of_job(failed_job(item, 0), NOW)
    assert parse("class:Mail !class:Report").matches(subject)
    assert not parse("queue:mail").matches(subject)
    assert not parse("!queue:mail").matches(subject)


@pytest.mark.parametrize(
    ("text", "due_s", "matches"),
    [
        ("due<10m", 599.0, True),
        ("due<10m", 600.0, False),
        ("due<=10m", 600.0, True),
        ("due<1s", -5.0, True),
        ("due>1h", 7200.0, True),
        ("due>1h", -7200.0, False),
        ("!due<10m", 7200.0, True),
        ("due<10m", None, False),
        ("!due<10m", None, False),
    ],
)
def test_a_filter_compares_the_time_until_a_delayed_job_is_due(
    text: str, due_s: float | None, matches: bool
) -> None:
    assert parse(text).matches(Subject(due_s=due_s)) is matches


def test_the_time_of_an_unreadable_delayed_job_is_known_too() -> None:
    soon = DueTime(NOW.timestamp() + 30.0, "x", 1)
    job = of_job(delayed_item(windows.whole(b"no json"), soon, (), 0), NOW)
    assert parse("due<1m readable:no").matches(job)
    assert not parse("due<1m class:Mail").matches(job)
    raw = windows.whole(b'{"class":"Mail","queue":"q"}')
    job = of_job(delayed_item(raw, soon, (), 0), NOW)
    assert parse("due<1m class:Mail queue:q readable:yes").matches(job)
    assert not parse("!readable:yes").matches(job)


def test_the_age_of_a_waiting_job_is_unknown_for_every_comparison() -> None:
    subject = waiting(b'{"class":"Mail","args":[]}')
    assert parse("class:Mail").matches(subject)
    assert not parse("class:Mail age<1h").matches(subject)
    assert not parse("class:Mail !age<1h").matches(subject)


def test_a_number_has_many_spellings_but_true_is_not_one() -> None:
    subject = waiting(b'{"class":"A","args":[5.0,true,"5","x*y",12345678901234567890]}')
    assert parse("args.0:5 args.2:5 args.4:12345678901234567890").matches(subject)
    assert not parse("args.1:1").matches(subject)
    assert parse('args.3:"x*y" args.3:x*').matches(subject)


@pytest.mark.parametrize(
    ("text", "place", "hint"),
    [
        ("clas:Mail", 1, "no field 'clas'"),
        ("queue:mail foo:bar", 12, '"foo:bar"'),
        ("class:", 7, "value is missing"),
        ("class: Mail", 7, "value is missing"),
        ("!", 2, "term is missing"),
        ('error:"open', 7, 'closing " is missing'),
        ("/open", 1, 'quote it: "/text"'),
        ("/usr/lib", 6, 'quote it: "/text"'),
        ("/(/", 1, "no regular expression"),
        ("age>soon", 5, "no length of time"),
        ("age>5", 5, "use 30s"),
        ("retried:maybe", 9, "yes or no"),
        ("depth>5", 1, "'depth' cannot be compared, only age, due"),
        ("a !retries<=-3 b", 4, "'retries' cannot be compared"),
    ],
)
def test_a_bad_filter_says_where_and_what_is_allowed(text: str, place: int, hint: str) -> None:
    with pytest.raises(BadFilter) as raised:
        parse(text)
    assert f"character {place}:" in str(raised.value)
    assert hint in str(raised.value)
    assert "Allowed: class:" in str(raised.value)


def test_filters_are_bounded() -> None:
    with pytest.raises(BadFilter, match="longer than"):
        parse("x" * 3000)
    with pytest.raises(BadFilter, match="more than 50 terms"):
        parse("x " * 60)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("5m", 300), ("1h30m", 5400), ("1.5d", 129_600), ("1w", 604_800)],
)
def test_lengths_of_time_are_read(text: str, seconds: float) -> None:
    assert timedelta(seconds=duration_s(text)) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "h", "5 m", "-5m", "5M", "1h5", "٣m"])
def test_a_text_that_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no length of time"):
        duration_s(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
texts = st.none() | st.text()
subjects = st.builds(
    Subject,
    class_name=texts,
    args=json_values,
    exception=texts,
    error=texts,
    queue=texts,
    worker=texts,
    age_s=st.none() | st.floats(),
    is_retried=st.none() | st.booleans(),
    id=st.text(max_size=40),
    words=st.tuples(st.text()),
    is_readable=st.booleans(),
)
pieces = st.sampled_from(
    [
        "class:",
        "error:",
        "args.0:",
        "args.a.b:",
        "age>",
        "age<",
        "retried:",
        "id:",
        "!",
        "/",
        '"',
        "\\",
        " ",
        "*",
        "(",
        ")",
        "[",
        "a",
        "1h",
        "yes",
        "{2,",
        "|",
        ".",
        "x:",
        "::",
        "\udc80",
        "é",
    ]
)
filters = st.lists(pieces, max_size=12).map("".join) | st.text()


@settings(max_examples=400, deadline=None)
@given(filters, subjects)
def test_any_typed_text_is_understood_or_is_a_bad_filter(text: str, subject: Subject) -> None:
    try:
        wanted = parse(text)
    except BadFilter:
        return
    assert wanted.matches(subject) in (True, False)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80))
def test_a_filter_can_be_applied_to_any_waiting_item(raw: bytes) -> None:
    subject = waiting(raw)
    assert parse("").matches(subject)
    assert parse(f"id:{subject.id}").matches(subject)


@given(st.text(min_size=1).filter(lambda text: '"' not in text and "\\" not in text))
def test_a_quoted_text_is_looked_for_as_it_is(text: str) -> None:
    assert parse(f'"{text}"').matches(Subject(error=f"before {text} after"))
    assert parse(f'class:"{text}"').matches(Subject(class_name=text))


@given(st.text(st.characters(), min_size=1))
@example("mail\x1b]52;c;aGk=\x07")
@example("\udc9b\\u{1b}\U0010ffff")
@example("e\u0301\u0301\u0301\u0301\u0301")
def test_a_term_made_from_data_is_printable_and_matches_exactly_that_text(text: str) -> None:
    made = term("class", text)
    assert safe(made) == made
    assert parse(made).matches(Subject(class_name=text))
    assert not parse(made).matches(Subject(class_name=f"{text}x"))


@pytest.mark.parametrize("text", ["\\u{}", "\\u{110000}", "\\u{xyz}", "\\u1b", "\\\\u{1b}"])
def test_an_invalid_character_escape_means_itself(text: str) -> None:
    assert parse(f'"{text}"').matches(Subject(error=text.replace("\\\\", "\\")))


def test_workers_are_found_by_the_queues_that_they_take_from() -> None:
    worker = Subject(serves=("mail", 'odd "name'))
    assert parse("serves:mail").matches(worker)
    assert parse("serves:ma*").matches(worker)
    assert parse('serves:"odd \\"name"').matches(worker)
    assert not parse("serves:ma").matches(worker)
    assert not parse("!serves:mail").matches(worker)
    assert not parse("serves:mail").matches(Subject(queue="mail"))
    dead = Subject(lists=("mail",))
    assert parse("lists:mail").matches(dead)
    assert not parse("serves:mail").matches(dead)

"""The normalised message of an error: parts that differ between failures are removed, the rest
stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtop.search.failure_groups import normalised, statuses


@pytest.mark.parametrize(
    ("message", "shape"),
    [
        ("user 42 not found", "user # not found"),
        ("took 1,234.5 s, 17:30:02", "took # s, #"),
        ("job 550e8400-e29b-41d4-a716-446655440000 is gone", "job <id> is gone"),
        ("at 0x00007f9a1c0b in digest deadbeef01234567", "at <hex> in digest <hex>"),
        ("no such file - /srv/app/tmp/42/ada.png", "no such file - <path>"),
        ("GET https://ada:pw@example.com/users/7?x=1 failed", "GET <url> failed"),
        ("mail to ada@example.com bounced", "mail to <address> bounced"),
        ("no user \"ada\" in 'sales'", 'no user "…" in "…"'),
        ("it can't, won't", "it can't, won't"),
        ("connect to 10.0.0.17:6379 or fe80:0:0:1:2", "connect to <ip> or <ip>"),
        ("dial tcp [::1]:6379 and 2001:db8::1f", "dial tcp [<ip>]:# and <ip>"),
        (
            "uninitialized constant ::Ada::B1 at 12:30 :5",
            "uninitialized constant ::Ada::B# at # :#",
        ),
        ("charge ch_1NqZ8xABCdef of 01ARZ3NDEKTSV4RRFFQ69G5FAV", "charge ch_<id> of <id>"),
        (
            "utf8mb4_general_ci, sha256WithRSAEncryption",
            "utf#mb#_general_ci, sha#WithRSAEncryption",
        ),
        ("undefined method `name' for nil", "undefined method `name' for nil"),
        ("two\n lines\twith   blanks", "two lines with blanks"),
        ("café 7", "café #"),
        # The status of a request or a program
        ("the server responded with status 404", "the server responded with status 404"),
        ("Request 7 failed with status code: 503", "Request # failed with status code: 503"),
        ("(Status 402) (Request req_8sdfSDF83n1k) no", "(Status 402) (Request req_<id>) no"),
        ("503 Service Unavailable after 503 ms", "503 Service Unavailable after # ms"),
        ("429 Client Error: Too Many Requests", "429 Client Error: Too Many Requests"),
        ("HTTP/1.1 502 from 10.0.0.1", "HTTP/1.1 502 from <ip>"),
        ("pid 4242 exit status 137", "pid # exit status 137"),
        ("http 4040, status 12, error 404", "http #, status #, error #"),
        # Names of files, with hashes, dates and days in them
        ("cannot read report-9f86d0.pdf", "cannot read report-<hex>.pdf"),
        ("no app_deadbeefcafe.js", "no app_<hex>.js"),
        ("no dump-mon.sql, no dump-Friday_3.sql", "no dump-<time>.sql, no dump-<time>_#.sql"),
        ("no report_2024-05-17.csv", "no report_<time>.csv"),
        ("NoSuchKey: photos/ada/1.png", "NoSuchKey: <path>"),
        ("text/html and/or 3/4 of n/a.", "text/html and/or #/# of n/a."),
        # Times
        ("since 2024-05-17T10:11:12.123Z", "since <time>"),
        ("since 2024-05-17 10:11:12 +0200 it", "since <time> it"),
        ("Fri, 17 May 2024 10:11:12 GMT is past", "<time> is past"),
        ("since Mon Jun  3 10:11:12 2024", "since <time>"),
        ("[17/May/2024:10:11:12 +0000] GET", "[<time>] GET"),
        ("Sundry May be on sunday", "Sundry May be on <time>"),
        # Tokens
        ("bad eyJhbGciOiJIUzI1NiJ9.eyJzdWIifQ.dozj-gNry_P4 here", "bad <id> here"),
        ("-5 is below 0-3", "# is below #-#"),
        ("", ""),
    ],
)
def test_a_message_loses_the_parts_that_differ_between_failures(message: str, shape: str) -> None:
    assert normalised(message) == shape


@given(st.text(max_size=2_000))
def test_no_message_fails_or_grows(message: str) -> None:
    shape = normalised(message)
    assert len(shape) <= 300
    for status in statuses(shape):
        shape = shape.replace(status, "")
    assert not any(character in "0123456789" for character in shape)


@given(st.integers(0, 10**30), st.integers(0, 10**30))
def test_numbers_never_make_a_group(one: int, other: int) -> None:
    assert normalised(f"row {one} is locked") == normalised(f"row {other} is locked")


@pytest.mark.parametrize(
    "hostile", ["a" * 10**6, "@" * 10**6, "'" * 10**6, "/a" * 10**6, "1." * 10**6]
)
def test_a_huge_message_costs_no_more_than_its_beginning(hostile: str) -> None:
    assert len(normalised(hostile)) <= 300

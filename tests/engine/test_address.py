"""URLs of Redis: read, refused with advice, and never shown with their password."""

from __future__ import annotations

import contextlib
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as some

from queuecore.address import Address, parse_url
from queuecore.lean import LeanStore
from queuecore.stores import Store
from resque.errors import BadUrl, StoreError
from resque.keys import Keys
from resque.store import queues

SECRET = "s3cr3t-p@ss/w?rd#"
QUOTED = "s3cr3t-p%40ss%2Fw%3Frd%23"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://", Address()),
        ("redis://h", Address(host="h")),
        ("redis://h:7000/3", Address(host="h", port=7000, db=3)),
        ("redis://h/?db=4", Address(host="h", db=4)),
        ("redis://[::1]:7000/1", Address(host="::1", port=7000, db=1)),
        (f"redis://:{QUOTED}@h", Address(host="h", password=SECRET)),
        (f"redis://me:{QUOTED}@h/2", Address(host="h", db=2, username="me", password=SECRET)),
        ("rediss://h", Address(host="h", tls=True)),
        ("rediss://h?verify=no", Address(host="h", tls=True, tls_verify=False)),
        ("rediss://h?ca=/c.pem", Address(host="h", tls=True, tls_ca_file="/c.pem")),
        ("unix:///run/r.sock", Address(path="/run/r.sock")),
        ("unix:///run/r.sock?db=5", Address(path="/run/r.sock", db=5)),
        ("unix:///run/a%20b", Address(path="/run/a b")),
        ("  redis://h \n", Address(host="h")),
        (
            f"redis+sentinel://me:{QUOTED}@a,b:1/main/3?sentinel_password={QUOTED}",
            Address(
                db=3,
                username="me",
                password=SECRET,
                sentinels=(("a", 26379), ("b", 1)),
                primary="main",
                sentinel_password=SECRET,
            ),
        ),
        (
            "rediss+sentinel://a/main?db=2&ca=/c.pem&verify=no&sentinel_username=me",
            Address(
                db=2,
                tls=True,
                tls_ca_file="/c.pem",
                tls_verify=False,
                sentinels=(("a", 26379),),
                primary="main",
                sentinel_username="me",
                sentinel_tls=True,
            ),
        ),
        (
            "rediss+sentinel://a/main?sentinel_tls=no",
            Address(tls=True, sentinels=(("a", 26379),), primary="main"),
        ),
        (
            "redis+sentinel://a/main?sentinel_tls=yes",
            Address(sentinels=(("a", 26379),), primary="main", sentinel_tls=True),
        ),
    ],
)
def test_a_url_is_read(url: str, address: Address) -> None:
    assert parse_url(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "",
        "h:6379",
        "http://h",
        "redis",
        f"redis://:{QUOTED}@h:port",
        f"redis://:{QUOTED}@h:99999",
        f"redis://:{QUOTED}@h/zero",
        f"redis://:{QUOTED}@h/-1",
        f"redis://:{QUOTED}@h/\u0661",
        f"redis://:{QUOTED}@h?db=x",
        f"redis://:{QUOTED}@h?databse=1",
        f"redis://:{QUOTED}@[h",
        f"http://:{QUOTED}@h",
        f"unix://:{QUOTED}@?db=0",
        "unix://",
        "unix://run/s",
        f"redis+sentinel://:{QUOTED}@a",
        f"redis+sentinel://:{QUOTED}@/main",
        f"redis+sentinel://:{SECRET}@a/main",
        f"redis+sentinel://a/main?sentinel_password={QUOTED}&password={QUOTED}",
        f"redis+sentinel://a/main?{QUOTED}",
    ],
)
def test_a_url_that_cannot_be_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(BadUrl) as caught:
        parse_url(url)
    found = f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"
    assert QUOTED not in found
    assert SECRET not in found
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


PLACES = (
    "redis://{}h:6379/0",
    "rediss://{}h/0",
    "unix://{}/run/s",
    "redis+sentinel://{}a:1/main/0",
)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("login", [":{}@", "ops:{}@"])
@pytest.mark.parametrize(
    "password", ["#S3CR3T", "12/S3CR3T", "?S3CR3T", "a?b=S3CR3T", "a b S3CR3T"]
)
def test_a_password_that_is_not_percent_encoded_gets_a_sentence_and_is_not_shown(
    place: str, login: str, password: str
) -> None:
    with pytest.raises(BadUrl, match="percent-encoded") as caught:
        parse_url(place.format(login.format(password)))
    assert "S3CR3T" not in f"{caught.value} {caught.value!r}"


@given(some.text(max_size=20), some.sampled_from(PLACES))
def test_a_raw_password_is_refused_or_taken_as_it_is_never_dialled(text: str, place: str) -> None:
    url = place.format(f"ops:{text}@")
    plain = parse_url(place.format(""))
    with contextlib.suppress(BadUrl):
        address = parse_url(url)
        assert (address.host, address.port, address.path) == (plain.host, plain.port, plain.path)
        assert address.sentinels == plain.sentinels
        assert address.password == (unquote(text) or None)


@given(some.text(max_size=20, min_size=1), some.sampled_from(PLACES))
def test_a_percent_encoded_password_is_always_read(text: str, place: str) -> None:
    assert parse_url(place.format(f":{quote(text, safe='')}@")).password == text


@pytest.mark.parametrize(
    ("url", "path"),
    [("unix:///run/a@b", "/run/a@b"), (f"unix://:{QUOTED}@/run/a@b?db=1", "/run/a@b")],
)
def test_the_path_of_a_socket_may_hold_an_at_sign(url: str, path: str) -> None:
    assert parse_url(url).path == path


def test_the_value_of_an_option_may_hold_an_at_sign() -> None:
    assert parse_url("rediss://h/0?ca=/run/a@b.pem").tls_ca_file == "/run/a@b.pem"


@given(some.text(max_size=40))
def test_any_text_is_an_address_or_a_bad_url(text: str) -> None:
    for url in (text, f"redis://{text}", f"unix:///{text}"):
        with contextlib.suppress(BadUrl):
            assert parse_url(url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"redis://me:{QUOTED}@h:7000/2", "redis://me@h:7000/2"),
        (f"rediss://:{QUOTED}@[::1]", "rediss://[::1]:6379/0"),
        (f"unix://:{QUOTED}@/run/r.sock?db=3", "unix:///run/r.sock?db=3"),
        (
            f"redis+sentinel://me:{QUOTED}@a:1,b/main?sentinel_password={QUOTED}",
            "redis+sentinel://me@a:1,b:26379/main/0",
        ),
        (
            f"rediss+sentinel://:{QUOTED}@a/main/2?sentinel_username=x&sentinel_password={QUOTED}",
            "rediss+sentinel://a:26379/main/2",
        ),
    ],
)
def test_an_address_is_shown_without_its_password(url: str, shown: str) -> None:
    address = parse_url(url)
    assert address.password == SECRET
    assert str(address) == shown
    assert SECRET not in repr(address)
    assert SECRET not in f"{address} {address!r}"


@pytest.mark.parametrize("url", [f"redis://{QUOTED}@h", f"unix://{QUOTED}@/run/r.sock"])
def test_a_password_whose_colon_was_forgotten_is_not_shown(url: str) -> None:
    shown = f"{parse_url(url)} {parse_url(url)!r}"
    assert "***@" in shown
    assert SECRET not in shown
    assert QUOTED not in shown


@pytest.mark.parametrize("place", ["@localhost:1", "@/nowhere/socket"])
def test_no_error_of_a_connection_holds_the_password(place: str) -> None:
    url = f"{'unix' if '/' in place else 'redis'}://:{QUOTED}{place}"
    with Store(url, timeout_s=1) as store, pytest.raises(StoreError) as caught:
        store.run(queues.names(Keys()))
    assert SECRET not in f"{caught.value!r} {caught.value.__cause__!r}"
    assert caught.value.__suppress_context__
    lean = LeanStore(parse_url(url), timeout_s=1, client_name="t")
    with pytest.raises(StoreError) as caught:
        lean.run(queues.names(Keys()))
    assert SECRET not in repr(caught.value)

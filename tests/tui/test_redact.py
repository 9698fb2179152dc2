"""Secrets are not shown: in values, in texts of any notation, however hostile."""

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from qtop.display.redact import DEFAULT_PATTERNS, HIDDEN, MOST_CHARACTERS, OPEN, Redactor

REDACTOR = Redactor()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        # Ruby's hashes, old and new
        (
            '{:password=>"x", "token" => "y", :a=>1}',
            '{:password=>"[redacted]", "token" => "[redacted]", :a=>1}',
        ),
        ('{password: "x", name: "y"}', '{password: "[redacted]", name: "y"}'),
        # JSON, and JSON within JSON
        ('{"api_key":"x","b":1}', '{"api_key":"[redacted]","b":1}'),
        (r'{"password":"a\"b","c":1}', '{"password":"[redacted]","c":1}'),
        (r'{"password":"a\\","c":1}', '{"password":"[redacted]","c":1}'),
        (r'["{\"token\":\"x\",\"a\":\"1\"}",3]', r'["{\"token\":\"[redacted]\",\"a\":\"1\"}",3]'),
        ('{"secret answer":"x","q":1}', '{"secret answer":"[redacted]","q":1}'),
        # Containers go as a whole, whatever brackets their texts hold
        ('{"key":[1,{"z":"]"}],"c":2}', '{"key":[redacted],"c":2}'),
        ('{"secrets":{"a":{"b":1}},"c":2}', '{"secrets":[redacted],"c":2}'),
        (r'"{\"key\":{\"a\":\"}\"},\"c\":2}"', r'"{\"key\":[redacted],\"c\":2}"'),
        ('{"token":null,"port":1}', '{"token":[redacted],"port":1}'),
        # Python
        ("{'password': 'x', 'b': 'c'}", "{'password': '[redacted]', 'b': 'c'}"),
        # Headers, forms, assignments
        ("Authorization: Bearer abc.def, next", "Authorization: [redacted], next"),
        ("X-Api-Key: abc next", "X-Api-Key: [redacted] next"),
        ("user[password]=hunter2&x=1", "user[password]=[redacted]&x=1"),
        ("user%5Bpassword%5D=hunter2&x=1", "user%5Bpassword%5D=[redacted]&x=1"),
        ("PASSWORD = 'abc' and more", "PASSWORD = '[redacted]' and more"),
        # URLs
        ("to redis://:secret@h:1/0 now", "to redis://[redacted]@h:1/0 now"),
        ("https://u:p@w@h/x?token=abc&b=2", "https://[redacted]@h/x?token=[redacted]&b=2"),
        (r"https:\/\/u:pw@h\/x", r"https:\/\/[redacted]@h\/x"),
        # Names and values without a space between
        ("login password:hunter2 ok", "login password:[redacted] ok"),
        ("token:a1b2c3, Authorization:Bearer x", "token:[redacted], Authorization:[redacted]"),
        ("aws_secret_access_key = abc", "aws_secret_access_key = [redacted]"),
        # Ways to prove something in several parts
        ('Authorization: Digest user="a", response="b", c', "Authorization: [redacted], c"),
        (
            "authorization: AWS4-HMAC-SHA256 Credential=a/b, Signature=c",
            "authorization: [redacted]",
        ),
        (r'"authorization: OAuth a=\"b\",c=d","e"', r'"authorization: [redacted]","e"'),
        # Options of commands, also as lists
        ("mysql --password x -h y", "mysql --password [redacted] -h y"),
        ("mysql -password=x -h y", "mysql -password=[redacted] -h y"),
        ("curl --api-key 'a b' y", "curl --api-key '[redacted]' y"),
        ('["--db-password", "x", "y"]', '["--db-password", "[redacted]", "y"]'),
        (r'"[\"--token\",\"x\",\"y\"]"', r'"[\"--token\",\"[redacted]\",\"y\"]"'),
        # Elements, as they are, in JSON and in HTML
        (
            "<a><password>x y</password><b>z</b></a>",
            "<a><password>[redacted]</password><b>z</b></a>",
        ),
        (
            '<wsse:Password Type="t">x</wsse:Password>',
            '<wsse:Password Type="t">[redacted]</wsse:Password>',
        ),
        ("<token><![CDATA[x]]></token>", "<token>[redacted]</token>"),
        (r"<apiKey>x<\/apiKey>", r"<apiKey>[redacted]<\/apiKey>"),
        (r"\u003ckey\u003ex\u003c/key\u003e", r"\u003ckey\u003e[redacted]\u003c/key\u003e"),
        ("&lt;key&gt;x&lt;/key&gt;", "&lt;key&gt;[redacted]&lt;/key&gt;"),
        # Names spelled by their code points
        (r'{"pass\u0077ord":"x"}', r'{"pass\u0077ord":"[redacted]"}'),
        (
            r'"{\"\\u0054ok\\u0065n\\u005f\":\"x\"}"',
            r'"{\"\\u0054ok\\u0065n\\u005f\":\"[redacted]\"}"',
        ),
        # Cut texts: what cannot be seen to end is hidden to the end
        ('{"password":"abc…', '{"password":"[redacted]'),
        ('{"key":[1,2,…', '{"key":[redacted]'),
        ("<password>hunt…", "<password>[redacted]"),
    ],
)
def test_secrets_in_texts_are_hidden(text: str, shown: str) -> None:
    assert REDACTOR.text(text) == shown
    assert REDACTOR.text(shown) == shown
    assert REDACTOR.raw(text.encode()) == shown.encode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Password::Reset",
        "token:refresh",
        "KeyError: 'name'",
        "MonkeyException: no",
        "the key was lost",
        'PG::Error: duplicate key value violates "users_pk"',
        "password != other",
        "key == 1",
        "http://host/path",
        "secret",
        "key: ",
        # A queue, a key of Redis, lines of files, ports, ids of workers
        "token:refresh:all",
        "key:users:1",
        "/app/api_key.rb:12:in 'perform'",
        "password_mailer.rb:33:in 'deliver'",
        "at perform (token.js:12:5)",
        "keycloak:8080",
        "secrets-3:4242:mail,low",
        # Options without a value
        "--no-password -h x",
        "--token",
        '{"a":"--token","b":1}',
        "a foreign-key constraint",
        "----- KEY -----",
        # Types and placeholders
        "List<Token>.find",
        "std::map<Key>(x)",
        "SET <key> <value>",
        "<password></password> <token />",
    ],
)
def test_what_is_no_secret_is_shown_as_it_is(text: str) -> None:
    assert REDACTOR.text(text) is text


def test_values_of_secret_keys_are_hidden_at_any_depth() -> None:
    args: Any = [{"user": {"Password": "x", "api_token": ["y"], "name": "z"}}, "token=abc", 5, None]
    assert REDACTOR.value(args) == [
        {"user": {"Password": HIDDEN, "api_token": HIDDEN, "name": "z"}},
        f"token={HIDDEN}",
        5,
        None,
    ]
    assert args[0]["user"]["Password"] == "x", "the data themselves are as they were"


def test_what_an_option_says_is_hidden_in_a_list_of_arguments() -> None:
    args: Any = ["mysql", "--password", "x", "-h", "--token", "-v", "--api-key", 5, "--key", ["y"]]
    shown = [
        "mysql",
        "--password",
        HIDDEN,
        "-h",
        "--token",
        "-v",
        "--api-key",
        HIDDEN,
        "--key",
        ["y"],
    ]
    assert REDACTOR.value(args) == shown


def test_keys_of_a_value_are_texts_too() -> None:
    assert REDACTOR.value({"see https://u:p@h": 1}) == {f"see https://{HIDDEN}@h": 1}


def test_without_patterns_nothing_is_hidden() -> None:
    value = {"password": "x", "url": "redis://:secret@h"}
    assert OPEN.value(value) is value
    assert OPEN.text("password=x") == "password=x"
    assert OPEN.raw(b"password=x") == b"password=x"
    assert Redactor(("",)).text("password=x") == "password=x"


def test_patterns_are_taken_as_they_are_whatever_their_case() -> None:
    redactor = Redactor(("IBAN", "c.v"))
    assert redactor.value({"iban": 1, "Customer_Iban": 2, "cxv": 3, "c.v": 4, "password": 5}) == {
        "iban": HIDDEN,
        "Customer_Iban": HIDDEN,
        "cxv": 3,
        "c.v": HIDDEN,
        "password": 5,
    }


def test_bytes_that_are_no_text_stay_as_they_are() -> None:
    assert REDACTOR.raw(b'\xff{"token":"\xfe"}\x80') == b'\xff{"token":"[redacted]"}\x80'


secrets = st.text(alphabet=st.characters(categories=("L", "N", "P", "S", "Z")), min_size=6)
names = st.sampled_from(["password", "API_KEY", "x-token", "client_secret"])
keys = st.sampled_from(["a", "name", "list"])


@given(secrets, names, keys, st.integers(0, 3))
def test_no_secret_survives_json_within_json(secret: str, name: str, key: str, times: int) -> None:
    marked = f"S3CR3T{secret}S3CR3T"
    text = json.dumps({key: [{name: marked, "after": 1}]})
    for _ in range(times):
        text = json.dumps([text])
    assert "S3CR3T" not in REDACTOR.text(text)
    assert "S3CR3T" not in json.dumps(REDACTOR.value(json.loads(text)))


@given(secrets, names)
def test_no_secret_survives_a_name_spelled_by_code_points(secret: str, name: str) -> None:
    spelled = "".join(f"\\u{ord(character):04x}" for character in name)
    text = json.dumps({"A": f"S3CR3T{secret}S3CR3T"}).replace('"A"', f'"{spelled}"')
    assert "S3CR3T" not in REDACTOR.text(text)
    assert "S3CR3T" not in REDACTOR.text(json.dumps([text]))


def _sounds_like_a_secret(text: str) -> bool:
    return "://" in text or any(each in text.casefold() for each in DEFAULT_PATTERNS)


@given(st.text(alphabet=st.sampled_from(" -<>/:=,\"'&;abkey1\n")) | st.text())
def test_a_text_without_any_of_the_names_stays_as_it_is(text: str) -> None:
    assume(not _sounds_like_a_secret(text))
    assert REDACTOR.text(text) is text


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(json_values)
def test_values_without_secret_keys_keep_their_shape(value: Any) -> None:
    redactor = Redactor(("never-in-a-text\ue000",))
    assert json.dumps(redactor.value(value)) == json.dumps(value) or "://" in json.dumps(value)


HOSTILE = [
    "a" * 50_000_000,
    "key" * 10_000_000,
    'key:"' * 10_000_000,
    '"key":[' * 5_000_000,
    "://" * 10_000_000,
    "key \\" * 5_000_000,
    "'key'=>\\\"" * 1_000_000,
    "key" + " " * 10_000_000,
    ("key" + "x" * 80) * 100_000,
    "password: " + "\\" * 10_000_000,
    "key:a" * 10_000_000,
    "--key " * 10_000_000,
    "<key>" * 10_000_000,
    "<key></a>" * 5_000_000,
    ("<key " + "x" * 290) * 100_000,
    "key\\u006b" * 5_000_000,
    "\\u" * 10_000_000,
    "key: digest " + "a=b, " * 10_000_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_of_a_huge_text_no_more_is_looked_through_or_shown_than_a_bound(text: str) -> None:
    # Quadratic work on this would take minutes, and end the test.
    shown = REDACTOR.text(text)
    raw = REDACTOR.raw(text.encode())
    assert len(shown) < 3 * MOST_CHARACTERS
    assert len(raw) < 3 * MOST_CHARACTERS
    assert "the rest is left out" in shown


def test_deep_and_wide_values_have_an_end() -> None:
    deep: Any = "x"
    for _ in range(50_000):
        deep = [deep]
    assert "nested too deeply" in json.dumps(REDACTOR.value(deep))
    wide = REDACTOR.value([{"a": index} for index in range(1_000_000)])
    assert len(wide) < 20_000
    assert wide[-1].endswith("left out]")
    long = REDACTOR.value(["x" * 1_000] * 1_000_000)
    assert len(json.dumps(long)) < 2 * MOST_CHARACTERS
    many = REDACTOR.value({str(index): index for index in range(1_000_000)})
    assert many["[left out]"] == 1_000_000 - len(many) + 1

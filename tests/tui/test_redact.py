"""Secrets are hidden: in values, in texts of any notation, also in hostile ones."""

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from redis.exceptions import AuthenticationError
from tests.support.soak import either

from qtop.text.redact import HIDDEN, HINTS, MOST_CHARACTERS, OPEN, Redactor, is_secret
from queuecore.address import parse_url
from queuecore.errors import AuthRefused
from queuecore.redis_client import raise_ours

REDACTOR = Redactor()

#: Names of secrets of Rails, Sentry, clouds and shells, and names that only look like them.
SECRET = """
    password passwd pwd Passwords password_confirmation PGPASSWORD MYSQL_PWD dbpassword
    password2 secret client_secret secretKeyBase secret_key_base credential awsCredentials
    authorization Proxy-Authorization HTTP_AUTHORIZATION cookie Set-Cookie sessioncookie ssn
    user.ssn cvv card_cvc otp otp_code passphrase passcode token access_token accessToken
    accesstoken X-CSRF-Token stripeToken token1 api_key apiKey APIKey apikey x-api-key
    aws_access_key_id private_key PrivateKey encryption_key signingKey session_key api_keys auth
    basic_auth jwt X-Amz-Signature key KEY tokens auth_tokens
"""
HARMLESS = """
    _aj_symbol_keys _aj_ruby2_keywords keyboard monkey primary_key foreign_key public_key
    cache_key idempotency_key routing_key key_name keys token_count max_tokens tokenizer
    token_type className classname secretary_id author authority hotpink footprint compass
    passenger signature_version email id
"""


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
        ('{"pass_key":"x","passkey":"y"}', '{"pass_key":"[redacted]","passkey":"[redacted]"}'),
        (r'{"password":"a\"b","c":1}', '{"password":"[redacted]","c":1}'),
        (r'{"password":"a\\","c":1}', '{"password":"[redacted]","c":1}'),
        (r'["{\"token\":\"x\",\"a\":\"1\"}",3]', r'["{\"token\":\"[redacted]\",\"a\":\"1\"}",3]'),
        ('{"secret answer":"x","q":1}', '{"secret answer":"[redacted]","q":1}'),
        # Containers are hidden as a whole, with any brackets in their texts
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
        # Credentials of several parts
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
        # Elements, plain, in JSON and in HTML
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
        # Names and values as separate fields, in either order
        ('[{"name":"password","value":"x"}]', '[{"name":"password","value":"[redacted]"}]'),
        ('{"value":"x y","key":"api_key"}', '{"value":"[redacted]","key":"api_key"}'),
        (
            r'"{\"name\": \"token\", \"value\": \"x\"}"',
            r'"{\"name\": \"token\", \"value\": \"[redacted]\"}"',
        ),
        ('{:name=>"otp", :value=>"x"}', '{:name=>"otp", :value=>"[redacted]"}'),
        # Private keys, plain, in JSON, cut
        (
            "k -----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY----- z",
            "k -----BEGIN RSA PRIVATE KEY-----[redacted]-----END RSA PRIVATE KEY----- z",
        ),
        (
            r'{"pem":"-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\n"}',
            r'{"pem":"-----BEGIN PRIVATE KEY-----[redacted]-----END PRIVATE KEY-----\n"}',
        ),
        (
            "-----BEGIN OPENSSH PRIVATE KEY-----\nb3B…",
            "-----BEGIN OPENSSH PRIVATE KEY-----[redacted]",
        ),
        # Logins of curl
        ("curl -s -u ada:x https://h", "curl -s -u [redacted] https://h"),
        ("curl --user='ada:x y' https://h", "curl --user='[redacted]' https://h"),
        ('["curl","-u","ada:x"]', '["curl","-u","[redacted]"]'),
        ("curl -uada:x -U p:q h", "curl -u[redacted] -U [redacted] h"),
        # Signatures in URLs
        (
            "https://h/o?X-Amz-Credential=a%2Fb&X-Amz-Date=1&X-Amz-Signature=0f",
            "https://h/o?X-Amz-Credential=[redacted]&X-Amz-Date=1&X-Amz-Signature=[redacted]",
        ),
        ("https://h/o?sv=1&sig=a%2Bb%3D&se=2", "https://h/o?sv=1&sig=[redacted]&se=2"),
        ("https://h/o?signature=abc&a=1", "https://h/o?signature=[redacted]&a=1"),
        # Names joined with others
        ("PGPASSWORD=x psql", "PGPASSWORD=[redacted] psql"),
        ('{"sessionCookie":"x","a":1}', '{"sessionCookie":"[redacted]","a":1}'),
        # Names spelled by their code points
        (r'{"\u0061pi_key":"x"}', r'{"\u0061pi_key":"[redacted]"}'),
        (r'{"pass\u0077ord":"x"}', r'{"pass\u0077ord":"[redacted]"}'),
        (
            r'"{\"\\u0054ok\\u0065n\\u005f\":\"x\"}"',
            r'"{\"\\u0054ok\\u0065n\\u005f\":\"[redacted]\"}"',
        ),
        # Cut texts: a value without a visible end is hidden to the end
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
        # Words that only contain the word of a secret
        '{"_aj_symbol_keys":["a"],"keyboard":"us"}',
        '{"primary_key":5,"token_count":7}',
        "cache_key=users/1 max_tokens: 4096",
        '{"name":"Ada","value":"x"}',
        "docker run -u ada:staff image",
        "-----BEGIN ",
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
def test_text_without_secrets_is_shown_unchanged(text: str) -> None:
    assert REDACTOR.text(text) is text


def test_what_says_that_a_password_is_refused_is_shown_unchanged() -> None:
    with pytest.raises(AuthRefused) as refused:
        raise_ours(AuthenticationError(), parse_url("redis://host"))
    text = str(refused.value)
    assert REDACTOR.text(text) is text


@pytest.mark.parametrize(
    "name",
    SECRET.split(),
)
def test_a_name_that_says_secret_hides_its_value(name: str) -> None:
    assert is_secret(name)
    assert REDACTOR.text(json.dumps({name: "S3CR3T"})) == json.dumps({name: HIDDEN})


@pytest.mark.parametrize(
    "name",
    HARMLESS.split(),
)
def test_a_name_that_only_holds_such_a_word_hides_nothing(name: str) -> None:
    assert not is_secret(name)
    text = json.dumps({name: "shown"})
    assert REDACTOR.text(text) is text


def test_a_value_is_hidden_where_another_field_names_the_secret() -> None:
    pairs = [{"name": "password", "value": "x", "n": 1}, {"value": ["y"], "key": "api_key"}]
    assert REDACTOR.value(pairs) == [
        {"name": "password", "value": HIDDEN, "n": 1},
        {"value": HIDDEN, "key": "api_key"},
    ]
    assert REDACTOR.value({"name": "Ada", "value": "x"}) == {"name": "Ada", "value": "x"}


def test_a_login_for_curl_is_hidden_in_a_list_of_arguments() -> None:
    assert REDACTOR.value(["curl", "-u", "ada:x"]) == ["curl", "-u", HIDDEN]
    assert REDACTOR.value(["chown", "-u", "ada:x"]) == ["chown", "-u", "ada:x"]


def test_values_of_secret_keys_are_hidden_at_any_depth() -> None:
    args: Any = [{"user": {"Password": "x", "api_token": ["y"], "name": "z"}}, "token=abc", 5, None]
    assert REDACTOR.value(args) == [
        {"user": {"Password": HIDDEN, "api_token": HIDDEN, "name": "z"}},
        f"token={HIDDEN}",
        5,
        None,
    ]
    assert args[0]["user"]["Password"] == "x", "the data themselves are as they were"


def test_the_value_of_an_option_is_hidden_in_a_list_of_arguments() -> None:
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


def test_secrets_in_the_keys_of_a_value_are_hidden_too() -> None:
    assert REDACTOR.value({"see https://u:p@h": 1}) == {f"see https://{HIDDEN}@h": 1}


def test_without_patterns_nothing_is_hidden() -> None:
    value = {"password": "x", "url": "redis://:secret@h"}
    assert OPEN.value(value) is value
    assert OPEN.text("password=x") == "password=x"
    assert OPEN.raw(b"password=x") == b"password=x"
    assert Redactor(("",)).text("password=x") == "password=x"


def test_patterns_are_used_literally_in_any_case() -> None:
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
    return "://" in text or "BEGIN" in text or any(each in text.casefold() for each in HINTS)


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


#: Texts of up to 50,000,000 characters: a start, a repeated part, how often, and an end. The tests
#: make them: all together they would fill the memory of every process.
HOSTILE = [
    ("", "a", 50_000_000, ""),
    ("", "key", 10_000_000, ""),
    ("", 'key:"', 10_000_000, ""),
    ("", '"key":[', 5_000_000, ""),
    ("", "://", 10_000_000, ""),
    ("", "key \\", 5_000_000, ""),
    ("", "'key'=>\\\"", 1_000_000, ""),
    ("key", " ", 10_000_000, ""),
    ("", "key" + "x" * 80, 100_000, ""),
    ("password: ", "\\", 10_000_000, ""),
    ("", "key:a", 10_000_000, ""),
    ("", "--key ", 10_000_000, ""),
    ("", "<key>", 10_000_000, ""),
    ("", "<key></a>", 5_000_000, ""),
    ("", "<key " + "x" * 290, 100_000, ""),
    ("", "key\\u006b", 5_000_000, ""),
    ("", "\\u", 10_000_000, ""),
    ("key: digest ", "a=b, ", 10_000_000, ""),
    ("", "-----BEGIN ", 5_000_000, ""),
    ("", 'curl "-u', 5_000_000, ""),
    ("", '"value":"x","name":"key" ', 2_000_000, ""),
    ("", '"value":', 5_000_000, '"key"'),
    ("", '"value":"key', 4_000_000, ""),
]
#: Without `make soak`, this part of each is enough for quadratic work to end the test.
PART = either(20, 1)


def _hostile(start: str, piece: str, times: int, end: str) -> str:
    text = start + piece * (times // PART) + end
    assert len(text) > 2 * MOST_CHARACTERS
    return text


@pytest.mark.parametrize("parts", HOSTILE, ids=range(len(HOSTILE)))
def test_a_huge_text_is_searched_and_shown_only_up_to_a_bound(
    parts: tuple[str, str, int, str],
) -> None:
    # Quadratic work on this would take minutes, and end the test.
    shown = REDACTOR.text(_hostile(*parts))
    assert len(shown) < 3 * MOST_CHARACTERS
    assert "the rest is left out" in shown


# Bytes are searched as the text that they are: without `make soak`, some of the texts are enough.
@pytest.mark.parametrize("parts", HOSTILE[:: either(6, 1)])
def test_huge_bytes_are_searched_and_shown_only_up_to_a_bound(
    parts: tuple[str, str, int, str],
) -> None:
    raw = REDACTOR.raw(_hostile(*parts).encode())
    assert len(raw) < 3 * MOST_CHARACTERS
    assert b"the rest is left out" in raw


def test_deep_and_wide_values_are_bounded() -> None:
    deep: Any = "x"
    for _ in range(50_000):
        deep = [deep]
    assert "nested too deeply" in json.dumps(REDACTOR.value(deep))
    number = 1_000_000 // PART
    wide = REDACTOR.value([{"a": index} for index in range(number)])
    assert len(wide) < 20_000
    assert wide[-1].endswith("left out]")
    long = REDACTOR.value(["x" * 1_000] * number)
    assert len(json.dumps(long)) < 2 * MOST_CHARACTERS
    many = REDACTOR.value({str(index): index for index in range(number)})
    assert many["[left out]"] == number - len(many) + 1

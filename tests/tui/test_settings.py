"""The settings file: what it may contain, which value overrides which, and errors that name the
line."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from qtop.config.limits import Thresholds, UndoLimits
from qtop.config.settings import (
    SCALARS,
    BadSettings,
    Given,
    Settings,
    SettingsFile,
    resolve,
    settings_path,
    warnings,
)
from qtop.keymap import keymap
from qtop.keymap.keymap import clashes
from qtop.screens.base import check_settings, screens
from queuecore.errors import BadOption

Write = Callable[[str], SettingsFile]

EVERYTHING = """
url = "redis://top:6379/0"
namespace = "top"
interval = 2
theme = "light"
read_only = true
ascii = true
redact = ["iban"]
require = ["app.jobs"]
undo_hours = 1
undo_mib = 0.5
worker_command = "QUEUES={queues} bundle exec rake resque:work"

[thresholds]
silent_after_s = 300
memory_part = 0.5

[columns]
queues = ["queue", "depth"]

[keys]
requeue = "f9"
"table.down" = ["n", "down"]

[profiles.default]
url = "redis://default:6379/0"

[profiles.prod]
url = "redis://user:${SECRET}@prod:6379/2"
namespace = "prod"
production = true
redact = false

[profiles.prod.thresholds]
silent_after_s = 60

[profiles.prod.keys]
requeue = "ctrl+r"
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def writing(text: str) -> SettingsFile:
        path = tmp_path / "qtop.toml"
        path.write_text(text)
        path.chmod(0o600)
        return SettingsFile.read(path)

    return writing


def line_of(text: str, words: str) -> int:
    return text[: text.index(words)].count("\n") + 1


# Files that others can write


@pytest.mark.parametrize("where", ["", "[profiles.other]\n"])
@pytest.mark.parametrize("what", ['worker_command = "run {queues}"', 'require = ["app.jobs"]'])
@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_a_file_that_others_can_write_may_not_set_programs_to_run(
    tmp_path: Path, where: str, what: str, mode: int
) -> None:
    path = tmp_path / "qtop.toml"
    path.write_text(f'theme = "light"\n{where}{what}\n')
    path.chmod(mode)
    with pytest.raises(BadSettings, match="chmod go-w") as caught:
        resolve(SettingsFile.read(path))
    assert what.split()[0] in str(caught.value)
    path.chmod(0o644)
    resolve(SettingsFile.read(path))


def test_a_file_that_others_can_write_may_set_the_appearance(tmp_path: Path) -> None:
    path = tmp_path / "qtop.toml"
    path.write_text('theme = "light"\n')
    path.chmod(0o666)
    assert resolve(SettingsFile.read(path)).values["theme"] == "light"


# Precedence


def test_without_a_file_every_setting_has_its_default(tmp_path: Path) -> None:
    settings = resolve(SettingsFile.read(tmp_path / "none.toml"))
    assert settings == Settings()
    assert settings.redactor.is_secret("password")
    assert settings.thresholds == Thresholds()
    assert settings.undo_limits == UndoLimits()
    assert (settings.production, settings.profile, settings.origins) == (None, None, {})


def test_every_setting_can_be_set_and_knows_its_source(write: Write) -> None:
    file = write(EVERYTHING)
    given = {"url": Given("redis://given:1/0", "--url")}
    settings = resolve(file, options=given)
    values = settings.values
    assert (values["url"], values["namespace"]) == (given["url"].value, "top")
    assert values["interval"] == 2
    assert (values["theme"], values["read_only"], values["ascii"]) == ("light", True, True)
    assert (values["redact"], values["require"]) == (("iban",), ("app.jobs",))
    assert settings.undo_limits == UndoLimits(3600, 2**19)
    assert settings.thresholds.silent_after_s == 300
    assert settings.columns == {"queues": ("queue", "depth")}
    assert settings.keys == {"requeue": ("f9",), "table.down": ("n", "down")}
    for name, words in (
        ("theme", "theme ="),
        ("keys.table.down", '"table.down"'),
        ("thresholds.memory_part", "memory_part"),
    ):
        assert settings.origins[name] == f"{file.path}:{line_of(EVERYTHING, words)}"
    assert settings.origins["url"] == "--url"


def test_a_profile_overrides_the_top_of_the_file_also_within_tables(write: Write) -> None:
    settings = resolve(write(EVERYTHING), profile="prod", environ={"SECRET": "s3cret"})
    assert settings.values["url"] == "redis://user:s3cret@prod:6379/2"
    assert settings.values["redact"] is False
    assert not settings.redactor.is_secret("password")
    assert settings.values["theme"] == "light"
    assert settings.production == "prod"
    assert settings.thresholds.silent_after_s == 60
    assert settings.thresholds.memory_part == 0.5
    assert settings.keys == {"requeue": ("ctrl+r",), "table.down": ("n", "down")}


def test_options_override_the_environment_which_overrides_the_file(write: Write) -> None:
    file = write(EVERYTHING)
    environment = {
        "url": Given("redis://environment/0", "REDIS_URL"),
        "namespace": Given("environment", "RESQUE_NAMESPACE"),
        "undo_hours": Given(5.0, "QTOP_UNDO_HOURS"),
    }
    settings = resolve(file, environment=environment)
    assert settings.values["namespace"] == "environment"
    assert settings.values["undo_hours"] == 5.0
    options = {"namespace": Given("option", "--namespace")}
    settings = resolve(file, environment=environment, options=options)
    assert settings.values["namespace"] == "option"
    assert settings.origins["undo_hours"] == "QTOP_UNDO_HOURS"


@pytest.mark.parametrize(
    ("profile", "options", "environment", "expected"),
    [
        (None, {}, {}, "redis://default:6379/0"),
        (None, {}, {"url": "redis://environment/0"}, "redis://environment/0"),
        ("prod", {}, {"url": "redis://environment/0"}, "redis://user:s@prod:6379/2"),
        ("prod", {"url": "redis://o/0"}, {"url": "redis://environment/0"}, "redis://o/0"),
        (None, {"url": "redis://o/0"}, {"url": "redis://environment/0"}, "redis://o/0"),
    ],
)
def test_redis_comes_from_option_named_profile_environment_or_default_profile(
    write: Write,
    profile: str | None,
    options: dict[str, str],
    environment: dict[str, str],
    expected: str,
) -> None:
    settings = resolve(
        write(EVERYTHING),
        profile=profile,
        options={k: Given(v, "--url") for k, v in options.items()},
        environment={k: Given(v, "REDIS_URL") for k, v in environment.items()},
        environ={"SECRET": "s"},
    )
    assert settings.values["url"] == expected


def test_the_namespace_of_a_named_profile_overrides_the_environment(write: Write) -> None:
    environment = {
        "namespace": Given("environment", "RESQUE_NAMESPACE"),
        "read_only": Given(False, "QTOP_READ_ONLY"),
    }
    settings = resolve(
        write(EVERYTHING), profile="prod", environment=environment, environ={"SECRET": "s"}
    )
    assert settings.values["namespace"] == "prod"
    assert settings.values["read_only"] is False


def test_the_default_profile_is_only_used_when_no_redis_is_named(write: Write) -> None:
    file = write('[profiles.default]\nurl = "redis://d/0"\nproduction = true\n')
    assert resolve(file).production == "default"
    elsewhere = resolve(file, options={"url": Given("redis://o/0", "--url")})
    assert (elsewhere.production, elsewhere.profile) == (None, None)


def test_production_at_the_top_of_the_file_has_a_word_to_type_too(write: Write) -> None:
    assert resolve(write("production = true\n")).production == "production"


# Errors


@pytest.mark.parametrize(
    ("text", "words", "line"),
    [
        ("intervall = 1", "unknown 'intervall': did you mean interval?", 1),
        ("wait = 1", "unknown 'wait'; known: url, namespace", 1),
        ("\ninterval = 0.1", "interval must be a number from 0.25 to 60", 2),
        ("interval = true", "must be a number", 1),
        ("interval = nan", "must be a number", 1),
        ('theme = "blue"', "theme must be one of dark, light, ", 1),
        ('ascii = "yes"', "ascii must be true or false", 1),
        ("redact = 3", "or false to hide nothing", 1),
        ('require = "app"', "require must be a list of texts", 1),
        ("undo_hours = -1", "undo_hours must be a number from 0 to 1,000,000", 1),
        ('url = ""', "url must be a text", 1),
        ('url = "http://x"', "the Redis URL must start with redis://", 1),
        ('url = "redis://:hunter2@h:port/0"', "cannot be read", 1),
        ('url = "redis://${NOT_SET_HERE}"', "needs the variable NOT_SET_HERE", 1),
        ('worker_command = "rake {queue}"', "nothing but {queues} and {namespace}", 1),
        ('worker_command = "rake"', "must hold {queues}", 1),
        ('worker_command = "rake {queues"', "is no command", 1),
        ('worker_command = "rake \'{queues}"', "is no command", 1),
        ("[thresholds]\nsilent_s = 1", "in thresholds: did you mean silent_after_s", 2),
        ("[thresholds]\nx = 1", "unknown 'x' in thresholds; known: silent", 2),
        ("[thresholds]\n\nmemory_part = 2", "memory_part must be a number from 0 to 1", 3),
        ("thresholds = 3", "thresholds must be a table", 1),
        ('[columns]\nqueue = ["a"]', "unknown 'queue' in columns: did you mean queues?", 2),
        ('[columns]\nx = ["a"]', "unknown 'x' in columns; known: overview, queues", 2),
        ("[columns]\nqueues = []", "at least one column", 2),
        ('[columns]\nqueues = ["queue", "queue"]', "each once", 2),
        ('[filters]\n"x y" = "a"', "unknown 'x y' in filters", 2),
        ("[filters]\nslow = 3", "slow must be a text", 2),
        ('[keys]\nrequeu = "R"', "unknown 'requeu' in keys: did you mean requeue", 2),
        ('[keys]\ntable.dwn = "n"', "unknown 'table.dwn' in keys: did you mean table.down", 2),
        ('[keys]\nxyzzy = "R"', "unknown 'xyzzy' in keys; known: ", 2),
        ('[keys]\nrequeue = "shift+r"', "requeue cannot be 'shift+r': use a character", 2),
        ('[keys]\nrequeue = ""', "cannot be ''", 2),
        ("[keys]\nrequeue = []", "at least one key", 2),
        ("[keys]\nrequeue = 3", "must be a list of texts", 2),
        ('profiles = "x"', "profiles must be tables", 1),
        ('[profiles]\nprod = "x"', "prod must be a table [profiles.prod]", 2),
        ("[profiles.prod]\nurl = 3", "url must be a text", 2),
        ('[profiles.prod]\n\nurl = "http://x"', "the Redis URL must start with redis://", 3),
        ('[profiles.prod]\nprofiles = "x"', "unknown 'profiles'", 2),
        ('profiles.prod.theme = "x"', "theme must be", 1),
        ('a = "b', "this is not TOML", 1),
        ("x = 1\n\n= 2\n", "this is not TOML", 3),
        ("x = 1\nx = 2\n", "this is not TOML", 2),
    ],
)
def test_an_impossible_value_is_reported_with_file_line_and_what_is_allowed(
    write: Write, text: str, words: str, line: int
) -> None:
    with pytest.raises(BadSettings) as error:
        resolve(write(text), environ={})
    message = str(error.value)
    assert words in message
    assert f"qtop.toml:{line}: " in message
    assert "hunter2" not in message


def test_a_profile_that_is_not_in_force_is_checked_too_but_needs_no_variables(write: Write) -> None:
    resolve(write('[profiles.p]\nurl = "redis://${NOT_SET_HERE}"\n'), environ={})
    with pytest.raises(BadSettings, match=":2: interval"):
        resolve(write("[profiles.p]\ninterval = 0\n"))


def test_a_missing_profile_is_reported_with_the_existing_ones(write: Write) -> None:
    with pytest.raises(BadSettings, match="no profile 'staging'; known: default, prod"):
        resolve(write(EVERYTHING), profile="staging")
    with pytest.raises(BadSettings, match="'prodd': did you mean prod"):
        resolve(write(EVERYTHING), profile="prodd")
    with pytest.raises(BadSettings, match="known: none"):
        resolve(write(""), profile="production")


def test_files_that_cannot_be_read_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "qtop.toml"
    path.mkdir()
    with pytest.raises(BadSettings, match="cannot be read"):
        SettingsFile.read(path)
    other = tmp_path / "latin.toml"
    other.write_bytes(b"ascii = true\n# \xe4")
    with pytest.raises(BadSettings, match="2: this is not UTF-8"):
        SettingsFile.read(other)


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "marked.toml"
    path.write_bytes(b"\xef\xbb\xbfascii = true\n")
    assert resolve(SettingsFile.read(path)).values["ascii"] is True


@pytest.mark.parametrize(
    ("url", "mode", "is_told"),
    [
        ("redis://:hunter2@h/0", 0o644, True),
        ("redis://:hunter2@h/0", 0o640, True),
        ("redis://:hunter2@h/0", 0o600, False),
        ("redis://:${PASSWORD}@h/0", 0o644, False),
        ("redis://h/0", 0o644, False),
    ],
)
def test_a_password_that_others_can_read_is_reported_without_it(
    tmp_path: Path, url: str, mode: int, is_told: bool
) -> None:
    path = tmp_path / "qtop.toml"
    path.write_text(f'[profiles.p]\nurl = "{url}"\n')
    path.chmod(mode)
    told = warnings(SettingsFile.read(path))
    assert bool(told) == is_told
    assert "hunter2" not in "".join(told)


def test_the_file_is_where_the_environment_says(tmp_path: Path) -> None:
    assert settings_path({"QTOP_CONFIG": str(tmp_path / "x.toml")}) == tmp_path / "x.toml"
    assert settings_path({}).name == "qtop.toml"


# Keys and columns that do not fit the screens


def test_the_examples_in_the_manual_fit(write: Write) -> None:
    text = (Path(__file__).parents[2] / "tui" / "README.md").read_text("utf-8")
    examples = re.findall(r"^```toml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert sum("[profiles." in example for example in examples) == 2
    for example in examples:
        for profile in (None, *re.findall(r"^\[profiles\.(\w+)\]", example, re.MULTILINE)):
            variables = {"REDIS_PASSWORD": "x"}
            check_settings(resolve(write(example), profile=profile, environ=variables))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[keys]\nrequeue = "d"', "qtop.toml:2: requeue: the key 'd' is that of delete, too"),
        ('[keys]\nrequeue = "?"', "the key '?' is that of help, too"),
        ('[keys]\nhelp = "r"', "qtop.toml:2: help: the key 'r' is that of "),
        ('[keys]\nrequeue = "z"\ndelete = "z"', "the key 'z' is that of"),
        ('[keys]\n"dialog.yes" = "n"', "the key 'n' is that of dialog.no, too"),
        ('[keys]\n"filter.older" = "k"', "'k' is typed there as text"),
        (
            '[columns]\nqueues = ["queue", "nonsense"]',
            "qtop.toml:2: there is no column 'nonsense'; known: ",
        ),
        ('[filters]\nslow = "age>soon"', "qtop.toml:2: slow: in the filter at character 5"),
        ('[filters]\na = "x"\nb = "@a"', "qtop.toml:3: b: there is no saved filter 'a'"),
        ('[columns]\nqueues = ["depht"]', "no column 'depht': did you mean depth? known: queue,"),
    ],
)
def test_clashes_and_unknown_columns_are_reported_with_file_and_line(
    write: Write, text: str, words: str
) -> None:
    with pytest.raises(BadSettings) as error:
        check_settings(resolve(write(text)))
    assert words in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        '[keys]\nrequeue = "d"\ndelete = "r"',
        '[keys]\nrequeue = ["r", "f5", "/"]\nfilter = "f3"',
        '[keys]\n"filter.older" = "ctrl+p"',
        'keys.table.down = "n"',
        '[columns]\nqueues = ["depth", "queue"]\nfailed = ["error"]',
        '[filters]\nslow = "age>1h !queue:legacy"',
    ],
)
def test_settings_that_fit_are_accepted(write: Write, text: str) -> None:
    check_settings(resolve(write(text)))


def test_the_table_of_keys_itself_has_no_clash() -> None:
    places = [{*page.PLACES, "everywhere"} for page in screens()]
    assert len(places) > 5
    assert clashes(keymap.ACTIONS, {}, places) == []


def test_every_setting_has_a_reader_and_a_default() -> None:
    assert set(Settings().values) == set(SCALARS)


PLACES = """
url = "redis://top:6379/0"
namespace = "top"

[profiles.both]
production = true

[[profiles.both.places]]
system = "resque"
url = "redis://:${SECRET}@jobs:6379/0"
namespace = "${SPACE}"

[[profiles.both.places]]
system = "sidekiq"
url = "redis://jobs:6379/1"

[[profiles.both.places]]
system = "sidekiq"
url = "redis://other:6379/1"
label = "mails"
"""
VARIABLES = {"SECRET": "pass-word", "SPACE": "shop"}


def test_a_profile_may_name_several_places_with_variables_in_each(write: Write) -> None:
    found = resolve(write(PLACES), profile="both", environ=VARIABLES)
    assert [(each.label, each.system, each.namespace) for each in found.places] == [
        ("resque", "resque", "shop"),
        ("sidekiq", "sidekiq", ""),
        ("mails", "sidekiq", ""),
    ]
    assert found.places[0].url == "redis://:pass-word@jobs:6379/0"
    assert "pass-word" not in repr(found.places)
    assert (found.values["url"], found.production) == (None, "both")


def test_places_go_before_the_environment_and_a_url_of_the_command_line_before_places(
    write: Write,
) -> None:
    file = write(PLACES)
    environment = {
        "url": Given("redis://env", "REDIS_URL"),
        "namespace": Given("env", "RESQUE_NAMESPACE"),
        "system": Given("sidekiq", "QTOP_SYSTEM"),
    }
    around = resolve(file, profile="both", environment=environment, environ=VARIABLES)
    assert (len(around.places), around.values["system"]) == (3, "all")
    options = {"url": Given("redis://said", "--url")}
    said = resolve(file, profile="both", options=options, environ=VARIABLES)
    assert (said.places, said.values["url"]) == ((), "redis://said")
    with pytest.raises(BadOption, match="namespaces of their own"):
        resolve(file, profile="both", options={"namespace": Given("a", "--namespace")})
    with pytest.raises(BadSettings, match=r"qtop\.toml:10: url needs the variable SECRET"):
        resolve(file, profile="both", environ={})


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[profiles.a]\nurl = 'redis://x'\n{}", 2, "url and places exclude each other"),
        ("[profiles.a]\nnamespace = 'x'\n{}", 2, "namespace and places exclude each other"),
        ("[profiles.a]\nsystem = 'resque'\n{}", 2, "system and places exclude each other"),
        ("{}namespce = 'x'\n", 4, "unknown 'namespce' in a place: did you mean namespace?"),
        ("{}[[profiles.a.places]]\nsystem = 'resque'\n", 4, "the place has no url"),
        ("{}[[profiles.a.places]]\nurl = 'redis://x'\n", 4, "the place has no system"),
        ("{}[[profiles.a.places]]\nsystem = 'kiq'\n", 5, "system must be"),
        ("{}[[profiles.a.places]]\nurl = 'http://x'\n", 5, "the Redis URL must start"),
        ("{}label = 'two words'\n", 4, "label must be one word"),
        ("[profiles.a]\nplaces = 'redis://x'\n", 2, "places must be tables"),
        ("[[places]]\nsystem = 'resque'\n", 1, "unknown 'places'"),
    ],
)
def test_a_place_that_cannot_be_is_reported_with_its_line(
    write: Write, text: str, line: int, words: str
) -> None:
    good = "[[profiles.a.places]]\nsystem = 'resque'\nurl = 'redis://x'\n"
    with pytest.raises(BadSettings) as raised:
        resolve(write(text.format(good)))
    assert f"qtop.toml:{line}: " in str(raised.value)
    assert words in str(raised.value)


def test_two_places_with_one_label_are_refused(write: Write) -> None:
    place = "[[profiles.a.places]]\nsystem = 'resque'\nurl = 'redis://{}'\nlabel = 'x'\n"
    with pytest.raises(BadSettings, match=r"qtop\.toml:8: another place has the same label"):
        resolve(write(place.format("a") + place.format("b")), profile="a")

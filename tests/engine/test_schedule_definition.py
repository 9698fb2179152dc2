"""Schedules as they are written down: configurations and files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from resque.scheduler.cron import Cron, Every
from resque.scheduler.definition import BadSchedule, Schedule, from_json, read
from resque.scheduler.files import read_file
from resque.scheduler.moving import no_queue


def test_a_whole_configuration_is_read() -> None:
    schedule = read(
        "nightly",
        {
            "cron": "0 3 * * *",
            "class": "Cleanup",
            "queue": "low",
            "args": [1, "a"],
            "description": "sweeps",
            "rails_env": "production, staging",
            "persist": True,
        },
    )
    assert isinstance(schedule.timing, Cron)
    assert (schedule.class_name, schedule.queue) == ("Cleanup", "low")
    assert schedule.payload == b'{"class":"Cleanup","args":[1,"a"]}'
    assert schedule.is_persistent
    assert schedule.is_for("staging")
    assert not schedule.is_for("test")
    assert not schedule.is_for(None)
    assert b"persist" not in schedule.source


def test_the_class_is_the_name_by_default_and_the_queue_that_of_the_class() -> None:
    schedule = read("Tea", {"every": "1m"})
    assert schedule.payload == b'{"class":"Tea","args":[]}'
    assert schedule.queue_for(lambda name: f"{name} queue") == "Tea queue"
    assert schedule.queue_for(no_queue) is None
    assert schedule.is_for(None)


@pytest.mark.parametrize(
    ("args", "payload"),
    [
        (None, b"[]"),
        ("str", b'["str"]'),
        (5, b"[5]"),
        ({"h": 1}, b'[{"h":1}]'),
        ([[1]], b"[[1]]"),
        ([], b"[]"),
    ],
)
def test_arguments_that_are_no_list_are_the_only_one(args: Any, payload: bytes) -> None:
    assert read("A", {"every": "1m", "args": args}).payload == b'{"class":"A","args":%s}' % payload


def test_arguments_from_redis_keep_their_bytes() -> None:
    schedule = from_json("A", b'{"every":"1m","args":[1.50, 12345678901234567890]}')
    assert schedule.payload == b'{"class":"A","args":[1.50, 12345678901234567890]}'


def test_a_custom_job_class_is_enqueued_instead() -> None:
    custom = {"every": "1m", "class": "A", "custom_job_class": "Custom"}
    assert read("x", custom).payload == b'{"class":"Custom","args":[]}'
    assert read("x", custom | {"custom_job_class": "Resque::Job"}).payload.startswith(
        b'{"class":"A"'
    )


def test_an_interval_may_say_when_it_begins() -> None:
    timing = read("A", {"every": ["1h", {"first_in": "5m"}]}).timing
    assert timing == Every("1h", 3600, 300)
    assert read("A", {"every": ["1h", {":first_in": 0, "overlap": False}]}).timing == Every(
        "1h", 3600, 0
    )
    assert read("A", {"every": ["1h"]}).timing == Every("1h", 3600, 3600)


@pytest.mark.parametrize(
    ("every", "seconds"),
    [
        (30, 30),
        (30.0, 30),
        ([30], 30),
        ("PT1H30M", 5400),
        (["1m", 3], 60),
        (["1m", "2m", "3m"], 60),
    ],
)
def test_intervals_are_read_as_ruby_does(every: Any, seconds: int) -> None:
    timing = read("A", {"every": every}).timing
    assert isinstance(timing, Every)
    assert (timing.interval_s, timing.first_in_s) == (seconds, seconds)


@pytest.mark.parametrize(
    ("config", "here", "elsewhere", "nowhere"),
    [
        ({}, True, True, True),
        ({"rails_env": None}, True, True, True),
        ({"rails_env": None, "env": "here"}, True, False, False),
        ({"rails_env": "here, there"}, True, False, False),
        ({"rails_env": ""}, False, False, False),
        ({"rails_env": " ", "env": "here"}, False, False, False),
    ],
)
def test_a_blank_environment_is_none(
    config: dict[str, Any], here: bool, elsewhere: bool, nowhere: bool
) -> None:
    schedule = read("A", config | {"every": "1m"})
    assert [schedule.is_for(name) for name in ("here", "elsewhere", None)] == [
        here,
        elsewhere,
        nowhere,
    ]


def test_cron_wins_over_every() -> None:
    assert isinstance(read("A", {"cron": "* * * * *", "every": "1m"}).timing, Cron)
    assert isinstance(read("A", {"cron": "", "every": "1m"}).timing, Every)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({}, "needs `cron` or `every`"),
        ([], "not a table"),
        ({"cron": "0 25 * * *"}, "cron '0 25 .*': Bad hour"),
        ({"cron": 5}, "'cron' must be a text"),
        ({"every": "often"}, "no duration"),
        ({"every": ["1m", {"time": 3}]}, "option 'time' is not known"),
        ({"every": ["1m", {"times": "3"}]}, "'times' must be a whole number"),
        ({"every": ["1m", {"first_at": "soon"}]}, "neither a duration nor a moment: 'soon'"),
        ({"every": True}, "a text or a number of seconds"),
        ({"every": 0.5}, "no duration in whole seconds"),
        ({"rails_env": ["a"], "every": "1m"}, "'rails_env' must be a text"),
        ({"every": "1m", "class": 5}, "'class' must be a text"),
        ({"every": "1m", "queue": ["a"]}, "'queue' must be a text"),
        ({"every": "1m", "args": [float("nan")]}, "nan"),
    ],
)
def test_a_bad_configuration_says_which_and_why(config: Any, reason: str) -> None:
    with pytest.raises(BadSchedule, match=f"schedule 'mine': .*{reason}"):
        read("mine", config)


@pytest.mark.parametrize("raw", [b"", b"junk", b"[]", b'{"every":"1m"} x', b"\xff"])
def test_what_is_no_configuration_in_redis_says_so(raw: bytes) -> None:
    with pytest.raises(BadSchedule, match="schedule 'mine'"):
        from_json("mine", raw)


def test_unknown_keys_are_reported() -> None:
    assert read("A", {"every": "1m", "agrs": [1]}).unknown_keys == ("agrs",)


TOML = """
[nightly]
cron = "0 3 * * * Europe/Berlin"
class = "Cleanup"
args = [1, "a"]

["odd name"]
every = ["1h", {first_in = "5m"}]
"""
YAML = """
nightly:
  cron: "0 3 * * * Europe/Berlin"
  class: Cleanup
  args: [1, a]
odd name:
  every: [1h, {first_in: 5m}]
"""


def file(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def read_whole(path: Path) -> list[Schedule]:
    """The schedules of a file without bad ones."""
    found = read_file(path)
    assert found.bad == ()
    return list(found.schedules)


def test_toml_and_yaml_say_the_same(tmp_path: Path) -> None:
    toml = read_whole(file(tmp_path, "s.toml", TOML))
    assert [s.name for s in toml] == ["nightly", "odd name"]
    assert read_whole(file(tmp_path, "s.yml", YAML)) == toml


def test_an_empty_file_holds_no_schedules(tmp_path: Path) -> None:
    assert read_whole(file(tmp_path, "s.toml", "")) == []
    assert read_whole(file(tmp_path, "s.yaml", "# none\n")) == []


@pytest.mark.parametrize(
    ("text", "payload", "queue"),
    [
        ("tick:\n  every: 1s\n  queue: :high", b'{"class":"tick","args":[]}', "high"),
        (":tick:\n  :every: 1s\n  :class: A", b'{"class":"A","args":[]}', None),
        (
            "tick:\n  every: 1s\n  class: :A\n  args: !ruby/sym b",
            b'{"class":"A","args":["b"]}',
            None,
        ),
        (
            "tick:\n  every: 1s\n  args:\n  - :a\n  - ':b'\n  - c:d\n  - :\"e f\"",
            b'{"class":"tick","args":["a",":b","c:d","e f"]}',
            None,
        ),
        (
            "tick:\n  every: 1s\n  args:\n    :a: :b\n    day: 2026-01-02",
            b'{"class":"tick","args":[{"a":"b","day":"2026-01-02"}]}',
            None,
        ),
    ],
)
def test_symbols_and_dates_of_ruby_are_texts(
    tmp_path: Path, text: str, payload: bytes, queue: str | None
) -> None:
    (found,) = read_whole(file(tmp_path, "s.yml", text))
    assert (found.name, found.payload, found.queue) == ("tick", payload, queue)


@pytest.mark.parametrize(
    ("name", "text", "message", "good"),
    [
        (
            "s.toml",
            TOML.replace("1h", "1x"),
            "s.toml:7: schedule 'odd name': every: '1x'",
            "nightly",
        ),
        ("s.yml", YAML.replace("0 3", "0 33"), "s.yml:2: schedule 'nightly': cron", "odd name"),
        ("s.toml", TOML + "[c]\na = 2026-01-01\n", "s.toml:9: schedule 'c': it needs", "nightly"),
        ("s.toml", "a = 5\n" + TOML, "s.toml:1: schedule 'a': not a table", "nightly"),
    ],
)
def test_a_bad_schedule_is_reported_with_its_line_and_the_others_are_read(
    tmp_path: Path, name: str, text: str, message: str, good: str
) -> None:
    found = read_file(file(tmp_path, name, text))
    assert [message in f"{each.place}: {each.problem}" for each in found.bad] == [True]
    assert good in [schedule.name for schedule in found.schedules]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("s.yml", YAML + "nightly: {every: 1m}\n", r"s.yml:8: .* was defined in line 2 already"),
        ("s.yml", YAML + ":nightly: {every: 1m}\n", r"s.yml:8: .* was defined in line 2 already"),
        ("s.yml", "- a\n", r"s.yml:1: .*a table of schedules"),
        ("s.yml", "a: [\n", r"s.yml: .*line 2"),
        ("s.yml", "a:\n  cron: * * * * *\n", r"stands in quotes \(at line 2, column 10\)"),
        ("s.yml", "a:\n\tevery: 5m\n", r"s.yml: found character '\\t' .*\(at line 2, column 1\)"),
        ("s.yml", "a: !!python/object/apply:os.getcwd []\n", r"s.yml: .*could not determine"),
        ("s.toml", "[a\n", r"s.toml: .*line 1"),
        ("s.ini", "", r"ends in .toml, .yml or .yaml"),
    ],
)
def test_a_file_that_cannot_be_read_tells_file_and_line(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    with pytest.raises(BadSchedule, match=message):
        read_file(file(tmp_path, name, text))


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(BadSchedule, match=r"cannot read .*none\.toml"):
        read_file(tmp_path / "none.toml")

"""Commands where no system is named: they are about all that are there, say which, and ask to be
told only where more than one could be meant."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.support.direct import Direct
from tests.support.own_redis import OwnRedis
from tests.support.rights import a_user
from tests.support.round_trips import RoundTripCounter
from tests.support.sidekiq_console import SHOWN
from tests.support.sidekiq_databases import JID, database, mixed, resque, sidekiq
from tests.support.turned_lists import leave_turned

from qtop.commands.cli import main
from queuecore.server import Binary

Run = Callable[..., Result]
#: A job of Sidekiq's that is tried again, and one that died.
ENTRY = json.dumps(
    {
        **{"class": "Import", "args": [1], "jid": JID, "queue": "low", "retry": True},
        **{"retry_count": 0, "failed_at": 1795436000.0, "error_class": "KeyError"},
        **{"error_message": "it failed", "tags": ["nightly"]},
    }
)
READING = (
    *("queues", "workers", "failed", "delayed", "schedules", "stats", "audit"),
    *("find class:*", "show --from failed"),
)


@pytest.fixture
def run(redis_url: str) -> Run:
    """Runs a command in this process on the server, without a system."""

    def running(*args: str, **env: str) -> Result:
        around = {"REDIS_URL": redis_url, "TZ": "UTC", **env}
        done = CliRunner().invoke(main, args, env={k: v for k, v in around.items() if v})
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
        return done

    return running


def objects(done: Result) -> list[dict[str, Any]]:
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


def systems(done: Result) -> set[str | None]:
    return {each.get("system") for each in objects(done)}


@pytest.fixture
def both(direct: Direct) -> None:
    """Resque and a Sidekiq without a prefix, each with a queue `mail` and with failures."""
    sidekiq(direct, SHOWN)
    resque(direct)
    direct("SADD", "queues", "mail")
    direct("LPUSH", "queue:mail", ENTRY)


@pytest.mark.usefixtures("both")
@pytest.mark.parametrize("command", [*READING, "doctor"])
def test_what_is_read_is_of_all_systems_and_each_line_says_its_own(run: Run, command: str) -> None:
    done = run(*command.split(), "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {each["system"] for each in lines} <= {"resque", "sidekiq"}
    if command not in ("delayed", "schedules", "audit"):
        assert {each["system"] for each in lines} == {"resque", "sidekiq"}
    alone = run(*command.split(), "--json", "--system", "sidekiq")
    of_sidekiq = [each for each in lines if each["system"] == "sidekiq"]
    assert len(alone.stdout.splitlines()) == len(of_sidekiq)


@pytest.mark.usefixtures("both")
def test_a_table_has_a_column_for_the_system_only_where_there_are_several(run: Run) -> None:
    several, one = run("queues"), run("queues", "--system", "resque")
    assert several.stdout.splitlines()[0].split("\t")[:2] == ["SYSTEM", "QUEUE"]
    assert one.stdout.splitlines()[0].split("\t")[0] == "QUEUE"
    assert {row.split("\t")[0] for row in several.stdout.splitlines()[1:]} == {"resque", "sidekiq"}
    once = run("--once")
    assert once.exit_code == 0, once.output
    assert once.stdout.count("qtop  ") == 2
    assert "\nqtop  sidekiq, " in once.stdout


@pytest.mark.parametrize("command", READING)
def test_a_database_of_sidekiqs_alone_is_shown_as_if_it_was_named(
    direct: Direct, run: Run, command: str
) -> None:
    sidekiq(direct, SHOWN)
    named = run(*command.split(), "--json", "--system", "sidekiq")
    found = run(*command.split(), "--json")
    assert found.exit_code == named.exit_code
    strip = {"next_waits_s", "heartbeat_age_s", "for_s", "in_s", "how"}

    def told(done: Result) -> list[dict[str, Any]]:
        lines = map(json.loads, done.stdout.splitlines())
        return [{k: v for k, v in each.items() if k not in strip} for each in lines]

    assert told(found) == told(named)
    assert command in ("schedules", "audit") or told(found)


def test_a_sidekiq_in_another_namespace_is_found_where_there_is_nothing_else(
    direct: Direct, run: Run
) -> None:
    sidekiq(direct, SHOWN, prefix="shop:")
    assert systems(run("queues", "--json")) == {"sidekiq"}
    resque(direct)
    assert systems(run("queues", "--json")) == {None}
    assert systems(run("queues", "--json", "--system", "all")) == {"resque", "sidekiq"}
    assert systems(run("queues", "--json", "--namespace", "shop")) == {"sidekiq"}


def test_two_places_of_the_same_system_have_their_namespaces_as_labels(
    direct: Direct, run: Run
) -> None:
    sidekiq(direct, SHOWN, prefix="shop:")
    direct("SADD", "queues", "low")
    direct("LPUSH", "queue:low", ENTRY)
    found = run("queues", "--json", "--system", "all")
    assert systems(found) == {"sidekiq", "sidekiq:shop"}


def test_what_shares_a_namespace_is_said(direct: Direct, run: Run) -> None:
    mixed(direct)
    done = run("queues", "--json")
    assert systems(done) == {"resque", "sidekiq"}
    assert "Resque and Sidekiq share 'resque'" in done.stderr
    sidekiq_alone = run("failed", "--json", "--system", "sidekiq", "--namespace", "resque")
    assert systems(sidekiq_alone) == {"sidekiq"}


def test_nothing_found_is_said_and_is_no_failure(run: Run) -> None:
    done = run("queues", "--json")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "no queue system was found" in done.stderr


def test_each_system_has_its_own_share_of_a_limit(direct: Direct, run: Run) -> None:
    resque(direct)
    for number in range(3):
        direct("RPUSH", "resque:failed", b'{"payload":{"class":"A","args":[%d]}}' % number)
        direct("ZADD", "retry", number, ENTRY.replace("[1]", f"[{number}]"))
    found = objects(run("failed", "--limit", "2", "--json"))
    assert [each["system"] for each in found] == ["resque", "resque", "sidekiq", "sidekiq"]


def test_resque_alone_costs_one_round_trip_more_and_a_named_system_none(
    direct: Direct, redis_url: str, run: Run
) -> None:
    resque(direct)
    server = Path(redis_url.removeprefix("unix://").partition("?")[0])

    def trips(*args: str) -> int:
        with RoundTripCounter(server) as counter:
            done = run(*args, REDIS_URL=counter.url)
            assert done.exit_code == 0, done.output
            return counter.round_trips

    trips("stats")  # The server has the scripts now.
    assert trips("stats") == trips("stats", "--system", "resque") + 1
    # Nobody looks for a system where jobs are enqueued.
    enqueue = ("enqueue", "A", "--queue", "mail")
    assert trips(*enqueue) == trips(*enqueue, "--system", "resque")


@pytest.mark.usefixtures("both")
@pytest.mark.parametrize(
    "args",
    [
        ("delete", "--from", "queue:mail", "--yes"),
        ("delete", "--from", "failed", "--yes"),
        ("clear", "queue:mail", "--yes"),
        ("requeue", "--from", "failed", "--yes"),
        ("load", "FILE", "--to", "queue:mail", "--yes"),
    ],
    ids=" ".join,
)
def test_where_two_systems_could_be_meant_nothing_is_changed_and_the_way_is_said(
    direct: Direct, run: Run, tmp_path: Path, args: tuple[str, ...]
) -> None:
    path = tmp_path / "jobs.jsonl"
    path.write_text("")
    before = database(direct)
    done = run(*(str(path) if word == "FILE" else word for word in args))
    assert done.exit_code == 2, done.output
    assert "--system resque or --system sidekiq" in done.stderr
    assert database(direct) == before


@pytest.mark.usefixtures("both")
def test_an_action_goes_where_its_jobs_can_only_be(direct: Direct, run: Run) -> None:
    before = database(direct)
    for source in ("retry", "dead", "queue:idle"):
        [done] = objects(run("delete", "--from", source, "--yes", "--json"))
        assert (done["system"], done["done"] > 0) == ("sidekiq", True)
        assert run("undo").exit_code == 0
    [done] = objects(run("delete", "--from", "failed", "--yes", "--json", "--system", "resque"))
    assert (done["action"], done["done"]) == ("delete", 1)
    assert direct("LLEN", "resque:failed") == 0
    assert run("undo").exit_code == 0
    kept = {k: v for k, v in database(direct).items() if b"qtop" not in k}
    assert kept == before


@pytest.mark.usefixtures("both")
def test_a_pause_of_everything_says_of_which_system(direct: Direct, run: Run) -> None:
    done = run("pause", "--all")
    assert done.exit_code == 0
    assert "everything of resque, not of other systems" in done.stderr
    assert direct("GET", "resque:pause-all-workers") == b"true"


@pytest.mark.usefixtures("both")
def test_a_queue_of_both_is_paused_where_that_is_possible(direct: Direct, run: Run) -> None:
    before = direct("KEYS", "*")
    done = run("pause", "mail")
    assert done.exit_code == 0
    assert "mail of resque, not of other systems" in done.stderr
    added = {*direct("KEYS", "*")} - {*before}
    assert all(key.startswith(b"resque:") for key in added)
    assert b"resque:pause:queue:mail" in added
    # One that only Sidekiq has is not paused in Resque.
    refused = run("pause", "idle")
    assert refused.exit_code == 1
    assert "Sidekiq" in refused.stderr
    assert direct("EXISTS", "resque:pause:queue:idle") == 0


@pytest.mark.usefixtures("both")
def test_lists_of_all_systems_are_put_in_order_where_none_is_named(
    direct: Direct, run: Run
) -> None:
    left = [b"queue:turned", b"resque:queue:turned"]
    direct("SADD", "queues", "turned")
    direct("SADD", "resque:queues", "turned")
    orders = []
    for key in left:
        direct("RPUSH", key, *(b'{"class":"A","args":[%d]}' % each for each in range(10)))
        orders.append(leave_turned(direct, key, 3))
    before = database(direct)
    would = objects(run("reorder", "--dry-run", "--json"))
    assert [(each["system"], each["would"]) for each in would] == [("resque", 1), ("sidekiq", 1)]
    refused = run("reorder")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert database(direct) == before
    done = objects(run("reorder", "--yes", "--json"))
    assert [(each["system"], each["done"]) for each in done] == [("resque", 1), ("sidekiq", 1)]
    assert [direct("LRANGE", key, 0, -1) for key in left] == orders
    nothing = run("reorder", "--yes")
    assert (nothing.exit_code, "no list is turned" in nothing.stderr) == (1, True)


@pytest.mark.usefixtures("both")
@pytest.mark.parametrize("command", READING)
def test_where_it_is_unknown_whether_sidekiq_is_there_the_rest_is_shown_and_the_status_is_3(
    direct: Direct, redis_url: str, run: Run, command: str
) -> None:
    whole = run(*command.split(), "--json", "--system", "resque").stdout.splitlines()
    with a_user(direct, redis_url, "~resque:*", "+@all") as url:
        done = run(*command.split(), "--json", REDIS_URL=url)
        named = run(*command.split(), "--json", "--system", "resque", REDIS_URL=url)
    assert done.exit_code == 3
    assert "unknown: sidekiq" in done.stderr
    assert len(done.stdout.splitlines()) == len(whole)
    assert named.exit_code == 0


@pytest.mark.usefixtures("both")
def test_a_user_without_scripts_does_not_know_of_sidekiq(
    direct: Direct, redis_url: str, run: Run
) -> None:
    with a_user(direct, redis_url, "~*", "+@all", "-evalsha") as url:
        done = run("audit", "--json", REDIS_URL=url)
        doctor = run("doctor", "--json", REDIS_URL=url)
    assert (done.exit_code, "unknown: sidekiq" in done.stderr) == (3, True)
    assert doctor.exit_code in (1, 2)
    found = [json.loads(line) for line in doctor.stdout.splitlines()]
    [unknown] = [each for each in found if "unknown: sidekiq" in each["text"]]
    assert (unknown["check"], unknown["level"]) == ("systems", "UNKNOWN")


@pytest.mark.usefixtures("both")
def test_what_only_resque_has_is_done_there_and_says_so(run: Run) -> None:
    [pruned] = objects(run("prune", "--json", "--yes"))
    assert (pruned["system"], pruned["pruned"]) == ("resque", "gone:1:mail")
    [registered] = objects(run("register", "post", "--json"))
    assert (registered["system"], registered["queue"]) == ("resque", "post")


@pytest.mark.usefixtures("both")
def test_the_last_action_of_any_system_is_undone_and_the_record_is_one(
    direct: Direct, run: Run
) -> None:
    assert run("delete", "--from", "dead", "--yes").exit_code == 0
    assert run("delete", "--from", "failed", "--yes", "--system", "resque").exit_code == 0
    last, first = objects(run("audit", "--json"))
    assert (last["system"], first["system"]) == ("resque", "sidekiq")
    [undone] = objects(run("undo", "--json"))
    assert (undone["system"], undone["operation"]) == ("resque", last["id"])
    [undone] = objects(run("undo", first["id"], "--json"))
    assert (undone["system"], undone["operation"]) == ("sidekiq", first["id"])


def test_retry_runs_sidekiqs_jobs_now_and_is_refused_where_there_is_none(
    direct: Direct, run: Run
) -> None:
    resque(direct)
    refused = run("retry", "--from", "failed", "--yes")
    assert refused.exit_code == 1
    assert "qtop requeue" in refused.stderr
    direct("ZADD", "retry", 4_000_000_000, ENTRY)
    [done] = objects(run("retry", "--from", "retry", "--json"))
    assert (done["system"], done["done"]) == ("sidekiq", 1)
    assert (direct("ZCARD", "retry"), direct("LLEN", "queue:low")) == (0, 1)
    assert direct("LLEN", "resque:failed") == 1


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (("pause", "idle"), "Sidekiq"),
        (("pause", "idle", "--dry-run"), "Sidekiq"),
        (("pause", "--all"), "Sidekiq"),
        (("resume", "idle"), "Sidekiq"),
        (("prune",), "Sidekiq"),
        (("prune", "--dry-run"), "Sidekiq"),
    ],
    ids=" ".join,
)
def test_what_sidekiq_cannot_do_is_refused_with_the_reason(
    direct: Direct, run: Run, args: tuple[str, ...], why: str
) -> None:
    sidekiq(direct, SHOWN)
    before = database(direct)
    done = run(*args)
    assert (done.exit_code, done.stdout) == (1, "")
    assert why in done.stderr
    assert database(direct) == before


def test_places_of_a_profile_are_on_two_servers_and_one_that_is_down_is_unknown(
    direct: Direct, redis_url: str, redis_binary: Binary, run: Run, tmp_path: Path
) -> None:
    resque(direct)
    file = tmp_path / "qtop.toml"
    place = '[[profiles.both.places]]\nsystem = "{}"\nurl = "{}"\n'
    other = OwnRedis(redis_binary.path)
    try:
        other.start()
        with other.direct() as there:
            sidekiq(there, SHOWN)
        file.write_text(place.format("sidekiq", "${JOBS}") + place.format("resque", redis_url))
        env = {"QTOP_CONFIG": str(file), "JOBS": other.url, "REDIS_URL": ""}
        found = run("queues", "--profile", "both", "--json", **env)
        assert systems(found) == {"resque", "sidekiq"}
        [done] = objects(
            run("delete", "--from", "dead", "--yes", "--profile", "both", "--json", **env)
        )
        assert done["system"] == "sidekiq"
        only = run("queues", "--profile", "both", "--system", "resque", "--json", **env)
        assert systems(only) == {None}
    finally:
        other.end()
    env["JOBS"] = "unix:///nonexistent/redis.sock"
    down = run("queues", "--profile", "both", "--json", **env)
    assert (down.exit_code, "sidekiq" in down.stderr) == (3, True)
    assert {json.loads(line)["system"] for line in down.stdout.splitlines()} == {"resque"}
    doctor = run("doctor", "--profile", "both", "--json", **env)
    levels = [json.loads(line) for line in doctor.stdout.splitlines()]
    assert doctor.exit_code == 3
    assert {each["system"] for each in levels} == {"resque", "sidekiq"}
    assert len([each for each in levels if each["system"] == "resque"]) > 10
    refused = run("delete", "--from", "failed", "--yes", "--profile", "both", **env)
    assert refused.exit_code == 2
    assert direct("LLEN", "resque:failed") == 1


@pytest.mark.usefixtures("both")
def test_a_file_of_several_systems_is_loaded_into_each_by_its_own_lines(
    direct: Direct, run: Run, tmp_path: Path
) -> None:
    path = str(tmp_path / "jobs.jsonl")
    before = {name: direct("LRANGE", name, 0, -1) for name in ("resque:queue:mail", "queue:mail")}
    assert run("export", path, "--from", "queue:mail", "--no-redact").exit_code == 0
    lines = [json.loads(line) for line in Path(path).read_text().splitlines()]
    assert [each["system"] for each in lines] == ["resque", "sidekiq"]
    direct("DEL", *before)
    assert run("load", path, "--yes").exit_code == 2
    for system, other in (("resque", "sidekiq"), ("sidekiq", "resque")):
        done = run("load", path, "--yes", "--system", system)
        assert (done.exit_code, "loaded 1, refused 1" in done.output) == (0, True)
        assert f"it is of {other}" in done.stderr
    assert {name: direct("LRANGE", name, 0, -1) for name in before} == before

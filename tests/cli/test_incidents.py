"""`qtop --once` and `qtop doctor` report the incidents of Overview."""

from __future__ import annotations

from tests.support.commands import Push, Qtop
from tests.support.direct import Direct


def test_incidents_come_before_everything_else(qtop: Qtop, direct: Direct, push: Push) -> None:
    push("Mail")
    direct("SADD", "resque:workers", "web-1:7:other")
    direct("HSET", "resque:workers:heartbeat", "web-1:7:other", "2020-01-01T00:00:00+00:00")
    lines = qtop("--once").out.splitlines()
    incident_lines = lines[3:6]
    assert incident_lines[0] == "CRIT  no live workers; 1 waiting in mail"
    assert any(line.startswith("WARN  1 dead worker") for line in incident_lines)
    titles = next(n for n, line in enumerate(lines) if line.startswith("QUEUE"))
    assert all(lines.index(line) < titles for line in incident_lines)


def test_a_user_without_rights_sees_what_is_unknown(
    qtop: Qtop, direct: Direct, redis_url: str
) -> None:
    direct("ACL", "SETUSER", "modest", "reset", "on", ">pw", "~*", "+@all", "-info")
    try:
        out = qtop("--once", "--url", redis_url.replace("unix://", "unix://modest:pw@")).out
    finally:
        direct("ACL", "DELUSER", "modest")
    assert "INFO  No problems detected (some checks unavailable); 0 queues, 0 workers" in out
    assert "INFO  unknown: Redis's memory, eviction and persistence (" in out


def test_the_doctor_uses_the_same_words_and_what_cannot_be_judged_is_unknown(
    qtop: Qtop, direct: Direct, push: Push
) -> None:
    push("Mail")
    direct("SADD", "resque:workers", "ruby-1:7:mail")
    direct("SET", "resque:pause:queue:mail", "true")
    found = [(each["level"], each["text"]) for each in qtop("doctor", "--json").objects]
    assert ("WARN", "mail: paused; 1 waiting") in found
    (unknown,) = [each for each in found if "without heartbeat" in each[1]]
    assert unknown[0] == "UNKNOWN"
    once = qtop("--once").out
    assert "WARN  mail: paused; 1 waiting" in once
    assert unknown[1] in once

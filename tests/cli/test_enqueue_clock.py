"""`qtop enqueue --in` counts from the server's clock, by which a scheduler moves the job."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from tests.support.direct import Direct

from qtop.commands import jobs
from qtop.commands.connection import Session


def test_a_delay_counts_from_the_clock_of_the_server(
    redis_url: str, direct: Direct, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = datetime.now(UTC) + timedelta(hours=1)
    monkeypatch.setattr(Session, "now", lambda session: ahead)
    words = ["A", "--queue", "mail", "--in", "1m", "--url", redis_url]
    done = CliRunner().invoke(jobs.enqueue, words)
    assert done.exit_code == 0, done.output
    (stamp,) = direct("ZRANGE", "resque:delayed_queue_schedule", 0, -1)
    assert int(stamp) == int(ahead.timestamp() + 60)

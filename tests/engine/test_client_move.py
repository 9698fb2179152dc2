"""Moving what waits in one queue to another."""

from __future__ import annotations

import pytest
from tests.support.direct import Direct

from resque import Resque

pytestmark = pytest.mark.redis


def test_a_queue_moves_byte_for_byte_and_in_order_to_the_end_of_another(
    redis_url: str, direct: Direct
) -> None:
    resque = Resque(redis_url)
    jobs = [b'{"class":"A","args":[%d.50]}' % number for number in range(450)]
    direct("RPUSH", "resque:queue:low", *jobs, b"no job")
    direct("RPUSH", "resque:queue:high", b"first")
    assert resque.move("low", "high") == 451
    assert direct("LRANGE", "resque:queue:high", 0, -1) == [b"first", *jobs, b"no job"]
    assert direct("EXISTS", "resque:queue:low") == 0
    assert resque.queues() == ["high"]
    assert resque.move("low", "high") == 0
    resque.close()

"""Databases of different sizes that the console reads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import redis

_AT_ONCE = 2_000
#: A fleet at work: one in so many workers ends its job and takes another, one in a hundred fails,
#: one in so many has its heartbeat. The names are those of `_workers`.
_GO_ON = """
local turn, queues, workers, now = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local every, beats = tonumber(ARGV[5]), tonumber(ARGV[6])
for i = 0, workers - 1 do
  local queue = string.format('queue-%04d', i % queues)
  local other = string.format('queue-%04d', i * 3 % queues)
  local name = string.format('host-%03d:%d:%s,%s', i % 100, 10000 + i, queue, other)
  if i % every == turn % every then
    local job = string.format('{"class":"Kind%d","args":[%d]}', i % 40, i + turn)
    redis.call('SET', 'resque:worker:' .. name,
      '{"queue":"' .. queue .. '","run_at":"' .. now .. '","payload":' .. job .. '}')
    redis.call('INCR', 'resque:stat:processed:' .. name)
    redis.call('INCR', 'resque:stat:processed')
    if i % 100 == 0 then
      redis.call('INCR', 'resque:stat:failed:' .. name)
      redis.call('INCR', 'resque:stat:failed')
    end
  end
  if i % beats == turn % beats then
    redis.call('HSET', 'resque:workers:heartbeat', name, now)
  end
end
"""


def fill(client: redis.Redis, queues: int, workers: int, failures: int, entry_bytes: int) -> None:
    """Put a fleet into an empty database: depths differ, half of the workers are busy."""
    client.flushall()
    pipe = client.pipeline(transaction=False)
    for index in range(queues):
        name = f"queue-{index:04}"
        pipe.sadd("resque:queues", name)
        jobs = [f'{{"class":"Job{index % 7}","args":[{n}]}}' for n in range(index % 9)]
        if jobs:
            pipe.rpush(f"resque:queue:{name}", *jobs)
    pipe.execute()
    for worker in _workers(workers, max(queues, 1)):
        name, record = worker
        pipe.sadd("resque:workers", name)
        pipe.hset("resque:workers:heartbeat", name, _now("%Y-%m-%dT%H:%M:%S+00:00"))
        pipe.set(f"resque:worker:{name}:started", _now("%Y-%m-%d %H:%M:%S +0000"))
        if record:
            pipe.set(f"resque:worker:{name}", record)
        if len(pipe) >= _AT_ONCE:
            pipe.execute()
    pipe.execute()
    add_failures(client, failures, entry_bytes)


@contextmanager
def working(client: redis.Redis, queues: int, workers: int) -> Iterator[None]:
    """Let a fleet work while the block runs."""
    over = threading.Event()

    def go_on() -> None:
        turn = 0
        while not over.wait(1.0):
            _go_on(client, turn, queues, workers, 4, 60)
            turn += 1

    worker = threading.Thread(target=go_on)
    worker.start()
    try:
        yield
    finally:
        over.set()
        worker.join()


def work_on(client: redis.Redis, turn: int, queues: int, workers: int, every: int) -> None:
    """Let one of so many workers end its job, take another and beat."""
    _go_on(client, turn, queues, workers, every, every)


def _go_on(
    client: redis.Redis, turn: int, queues: int, workers: int, every: int, beats: int
) -> None:
    now = _now("%Y-%m-%dT%H:%M:%SZ")
    numbers = (turn, queues, workers, now, every, beats)
    client.eval(_GO_ON, 0, *map(str, numbers))


def add_failures(client: redis.Redis, number: int, entry_bytes: int) -> None:
    """Add failures of about so many bytes: ten classes, twenty errors."""
    pipe = client.pipeline(transaction=False)
    begun = datetime.now(UTC) - timedelta(seconds=number)
    for start in range(0, number, _AT_ONCE):
        entries = []
        for index in range(start, min(number, start + _AT_ONCE)):
            failed_at = (begun + timedelta(seconds=index)).strftime("%Y/%m/%d %H:%M:%S UTC")
            head = (
                f'{{"failed_at":"{failed_at}","payload":{{"class":"Kind{index % 10}",'
                f'"args":[{index}]}},"exception":"Error{index % 20}",'
                f'"error":"no answer from mx{index % 97} in {index} ms","backtrace":["'
            )
            tail = '/app/job.rb:12"],"worker":"web1:42:mail","queue":"mail"}'
            entries.append(head + "x" * max(0, entry_bytes - len(head) - len(tail)) + tail)
        pipe.rpush("resque:failed", *entries)
        pipe.execute()


def _workers(number: int, queues: int) -> Iterator[tuple[str, str]]:
    for index in range(number):
        queue = f"queue-{index % queues:04}"
        name = f"host-{index % 100:03}:{10_000 + index}:{queue},queue-{index * 3 % queues:04}"
        run_at = _now("%Y-%m-%dT%H:%M:%SZ")
        payload = f'{{"class":"Kind{index % 40}","args":[{index}]}}'
        record = f'{{"queue":"{queue}","run_at":"{run_at}","payload":{payload}}}'
        yield name, record if index % 2 else ""


def _now(shape: str) -> str:
    return datetime.now(UTC).strftime(shape)

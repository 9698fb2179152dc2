"""Other clients of the server while something is measured: `python -m
tests.benchmarks.lists.bystanders ping`, which asks every 2 ms and prints how long the answers took,
or `take KEY`, in which eight clients take from the head of a list as workers do. Each runs until
its input ends, and prints one JSON object.
"""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from tests.benchmarks.engine.bench_server import BenchServer
from tests.benchmarks.engine.workers import ROOT, environment

_PING_EACH_S = 0.002
#: As workers that need 10 ms for a job.
_TAKERS, _TAKE_EACH_S = 8, 0.01


@contextmanager
def beside(server: BenchServer, *words: str) -> Iterator[dict[str, Any]]:
    """Let such clients run while the block runs. What they print is in the mapping afterwards."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.lists.bystanders", *words],
        cwd=ROOT,
        env=environment(server),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    found: dict[str, Any] = {}
    with process:
        process.stdout.readline()  # They are connected.
        try:
            yield found
        finally:
            said, _ = process.communicate("")
            found.update(json.loads(said))


def ping(port: int) -> dict[str, float]:
    """Ask until the input ends. Returns the longest time and the 99th percentile, in ms."""
    taken_s: list[float] = []
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        print("ready", flush=True)
        while not select.select([sys.stdin], [], [], _PING_EACH_S)[0]:
            begun_s = time.perf_counter()
            connection.sendall(b"PING\r\n")
            connection.recv(64)
            taken_s.append(time.perf_counter() - begun_s)
    taken_s.sort()
    p99_s = taken_s[int(len(taken_s) * 0.99)] if taken_s else 0.0
    return {"ping_ms": max(taken_s, default=0.0) * 1_000, "ping_p99_ms": p99_s * 1_000}


def take(port: int, key: str) -> dict[str, int]:
    """Take until the input ends. Returns how many were taken."""
    over, counts = threading.Event(), [0] * _TAKERS

    def go_on(number: int) -> None:
        with redis.Redis(port=port) as client:
            while not over.wait(_TAKE_EACH_S):
                counts[number] += client.lpop(key) is not None

    takers = [threading.Thread(target=go_on, args=(number,)) for number in range(_TAKERS)]
    for taker in takers:
        taker.start()
    print("ready", flush=True)
    sys.stdin.read()
    over.set()
    for taker in takers:
        taker.join()
    return {"taken": sum(counts)}


def main(what: str, *words: str) -> None:
    """Run until the input ends, and print the figures."""
    port = int(os.environ["BENCH_PORT"])
    print(json.dumps(ping(port) if what == "ping" else take(port, *words)))


if __name__ == "__main__":
    main(*sys.argv[1:])

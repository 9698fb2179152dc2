"""A server of the benchmark's own, on a free port of the loopback, without persistence."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from typing import Any

import redis

from queuecore.server import find_binary

_START_TIMEOUT_S = 20.0
#: The commands in which a client waits.
_BLOCKING = {"blpop", "brpop", "blmove", "brpoplpush", "bzpopmin", "bzpopmax", "blmpop"}
#: The commands of the harness itself.
_OWN = {"info", "config|resetstat", "client|setinfo", "hello"}


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a server did between two moments: commands by name (`total`, of them `blocking`),
    requests it read from a socket, and bytes in both directions."""

    total: int
    blocking: int
    requests: int
    bytes_moved: int


class BenchServer:
    """Started when made; `stop` ends it."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = tempfile.mkdtemp(prefix="resque-bench-")
        options = {"port": self.port, "bind": "127.0.0.1", "save": "", "appendonly": "no"}
        options |= {"dir": self._folder, "loglevel": "warning"}
        words = [word for key, value in options.items() for word in (f"--{key}", str(value))]
        self._process = subprocess.Popen(
            [str(find_binary().path), *words], stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL
        )
        self.client: Any = redis.Redis(port=self.port, socket_timeout=None)
        self._await()

    def _await(self) -> None:
        deadline_s = time.monotonic() + _START_TIMEOUT_S
        while True:
            try:
                self.client.ping()
                return
            except redis.ConnectionError:
                if time.monotonic() > deadline_s or self._process.poll() is not None:
                    self.stop()
                    raise
                time.sleep(0.02)

    def empty(self) -> None:
        """Remove everything that earlier measurements left."""
        self.client.flushall()

    def reset(self) -> tuple[int, int]:
        """Start to count. Returns what `traffic` needs."""
        self.client.config_resetstat()
        return self._counters()

    def traffic(self, begun: tuple[int, int]) -> Traffic:
        """What happened since `reset`, without the harness's own part as far as it is known."""
        stats: dict[str, Any] = self.client.info("commandstats")
        reads, moved = self._counters()
        calls = {name.removeprefix("cmdstat_"): int(s["calls"]) for name, s in stats.items()}
        calls = {name: count for name, count in calls.items() if name not in _OWN}
        blocking = sum(count for name, count in calls.items() if name in _BLOCKING)
        # Reading these figures costs two requests.
        return Traffic(sum(calls.values()), blocking, reads - begun[0] - 2, moved - begun[1])

    def _counters(self) -> tuple[int, int]:
        info: dict[str, Any] = self.client.info("stats")
        moved = info["total_net_input_bytes"] + info["total_net_output_bytes"]
        return int(info.get("total_reads_processed", 0)), int(moved)

    def stop(self) -> None:
        """End the server and remove what it left."""
        self.client.close()
        self._process.terminate()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

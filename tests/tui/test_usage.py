"""The CPU time and memory of processes, with all that they have started."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from qtop.local.processes import Sampler

MEBIBYTE = 1 << 20
#: Holds 64 MiB, which two children share with it; prints when all are there, ends when asked to.
FAMILY = f"""
import os, sys
held = b"x" * (64 * {MEBIBYTE})
pids = []
for _ in range(2):
    pid = os.fork()
    if not pid:
        sys.stdin.read()
        os._exit(0)
    pids.append(pid)
print(*pids, flush=True)
sys.stdin.read()
for pid in pids:
    os.waitpid(pid, 0)
"""


@pytest.fixture
def process_tree() -> Iterator[tuple[int, set[int]]]:
    """A process and its two children."""
    with subprocess.Popen(
        [sys.executable, "-c", FAMILY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        children = {int(word) for word in process.stdout.readline().split()}
        yield process.pid, children
        assert process.stdin is not None
        process.stdin.close()
        process.wait()


def test_descendants_count_with_their_process(process_tree: tuple[int, set[int]]) -> None:
    root, children = process_tree
    sampler = Sampler(lambda title: "")
    first = sampler.sample([root])
    assert first.keys() == {root}
    assert first[root].pids == {root} | children
    assert first[root].cpu_percent is None
    assert sampler.sample([root])[root].cpu_percent is not None
    assert sampler.sample([]) == {}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what is shared")
def test_shared_memory_counts_once(process_tree: tuple[int, set[int]]) -> None:
    root, _ = process_tree
    assert (
        64 * MEBIBYTE < Sampler(lambda title: "").sample([root])[root].memory_bytes < 128 * MEBIBYTE
    )

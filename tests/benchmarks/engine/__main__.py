"""`python -m tests.benchmarks.engine`, or `make bench`: the engine side by side with its peers, and
actions on long lists beside a plain copy, and refreshes of Sidekiq beside those of Resque.

Each repeat measures every system once, on one server of its own; only ratios taken in one run
count. RQ comes with the dependency group `bench`; Ruby Resque is measured where BENCH_RESQUE_LIB
names the `lib` folder of a checkout of it (with the gems it needs), Sidekiq where BENCH_SIDEKIQ
names its program.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import time
from dataclasses import replace
from pathlib import Path

from tests.benchmarks.engine import systems
from tests.benchmarks.engine.bench_server import BenchServer
from tests.benchmarks.engine.plan import QUICK, TINY, Run, Size
from tests.benchmarks.engine.report import tables
from tests.benchmarks.lists import report as lists_report
from tests.benchmarks.lists.bulk import CASES, Bulk
from tests.benchmarks.looks import report as looks_report
from tests.benchmarks.looks.refresh import TINY_FLEET, Fleet, Refreshes

#: What the names of actions begin with for `--only`.
_LISTS = "long lists"


def main(arguments: list[str] | None = None) -> None:
    """Measure, print the tables, and write the results to a file if one is named."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short repeat: a few minutes")
    parser.add_argument("--tiny", action="store_true", help="only to see that the harness works")
    parser.add_argument(
        "--repeats", type=int, metavar="N", help="how often; default 3, less when it takes long"
    )
    parser.add_argument(
        "--only",
        metavar="WORD",
        help="only what has this in its name, for example 'long lists: failures' or 'refresh'",
    )
    parser.add_argument("--entries", type=int, metavar="N", help="how long the lists are")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    options = parser.parse_args(arguments)
    size = TINY if options.tiny else QUICK if options.quick else Size()
    if options.repeats:
        size = replace(size, repeats=options.repeats)
    if options.entries:
        size = replace(size, entries=options.entries)
    only = options.only or ""
    chosen = [system for system in _available() if only in system.name]
    cases = [case for case in CASES if only in f"{_LISTS}: {case.name}"]
    begun_s = time.monotonic()
    server = BenchServer()
    try:
        results = Run(server, size, chosen, _say).all()
        fleet = TINY_FLEET if options.tiny else Fleet()
        looks = Refreshes(server, fleet, _say, only).rows()
        rows = Bulk(server, size.entries, size.action_s, _say, cases).rows()
    finally:
        server.stop()
    if results:
        print(f"\n{tables(results)}\n")
    if looks:
        print(f"\n{looks_report.tables(looks)}\n")
    if rows:
        print(f"\n{lists_report.tables(rows)}\n")
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, ", end="")
    print(f"{time.monotonic() - begun_s:.0f} s; only the ratios of one run count.")
    if options.json:
        options.json.write_text(json.dumps(results | looks | rows, indent=1) + "\n", "utf-8")


def _say(line: str) -> None:
    print(line, flush=True)


def _available() -> list[systems.System]:
    found = list(systems.OURS)
    if importlib.util.find_spec("rq"):
        found += systems.RQ
    else:
        print("RQ is not installed: run `make bench`")
    return found + systems.ruby_systems()


if __name__ == "__main__":
    main()

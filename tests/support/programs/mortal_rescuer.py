"""An operator who puts lost jobs back and may be killed in the midst of it. Run as `python -m
tests.support.programs.mortal_rescuer`; `tests.support.rescuers` starts it.

Each line of the input is a rescue, carried out in a child of its own; each line of the output is
how many jobs that put back, or null when it was killed: before a round trip, or some milliseconds
later.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from tests.support.programs.mortal_operator import Killer
from tests.support.sidekiq_processes import KEYS, trail

from queuecore.exchange import checked
from queuecore.stores import Store
from sidekiq.store import rescue


def carry_out(order: dict[str, Any]) -> int:
    """Returns how many jobs it put back."""
    killer = Killer(order["after"], order["delay_s"], order["signal"])
    jobs = [
        rescue.read_lost(who, thread, raw.encode(), at) for who, thread, raw, at in order["jobs"]
    ]
    with Store(order["url"]) as store:
        doing = rescue.put_back(KEYS, jobs, trail("rescue"))
        result = store.run(checked(doing, killer.before_each))
    assert (result.refused, result.stopped) == ((), None)
    assert result.done + result.gone == len(jobs)
    killer.at_the_end()
    return result.done


def in_a_child(order: dict[str, Any]) -> int | None:
    """Carry out a rescue in a child. Returns what came of it; None when it was killed."""
    answer, told = os.pipe()
    child = os.fork()
    if child == 0:
        with os.fdopen(told, "w") as pipe:
            json.dump(carry_out(order), pipe)
        os._exit(0)
    os.close(told)
    with os.fdopen(answer) as pipe:
        text = pipe.read()
    _, status = os.waitpid(child, 0)
    return None if os.WIFSIGNALED(status) else int(json.loads(text))


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(in_a_child(json.loads(line))), flush=True)

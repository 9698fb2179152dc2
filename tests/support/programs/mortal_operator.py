"""An operator whose process kills itself in the midst of an action. Run as `python -m
tests.support.programs.mortal_operator`; `tests.support.operator_process` starts it.

Each line of the input is an action, carried out in a child of its own; each line of the output is
what came of one: its numbers, or null when it was killed. An action is killed after so many
exchanges, or some milliseconds later: then in the midst of whatever it does. Or it is only stopped
there, and goes on when the test lets it.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import Any

from tests.support.job_books import LATER, SOON
from tests.support.operations import KEYS, ME
from tests.support.turns import hurry
from tests.support.waiting_books import TARGET, edited

from queuecore import bulk
from queuecore.action_record import ActionRecord
from queuecore.bulk import Decide, JobRef, Result, Taking
from queuecore.exchange import Exchange, Steps, checked
from queuecore.stores import Store
from queuecore.undo import Undone
from resque.scheduler import delayed_actions
from resque.store import failures
from resque.store.delayed_windows import DelayedRef
from resque.store.undo import undo
from sidekiq.keys import SidekiqKeys
from sidekiq.store import entry_actions, queue_actions
from sidekiq.store import undo as sidekiq_undo
from sidekiq.store.entry_search import EntryRef
from sidekiq.store.pushes import PushTime

SIDEKIQ = SidekiqKeys()
SETS = ("retry", "schedule", "dead")
DECISIONS: dict[str, Decide] = {
    "delete": bulk.delete,
    "move": lambda raw: Taking(0, raw, "r", raw),
    "requeue": failures.requeue,
}


class Killer:
    """Counts exchanges, and kills or stops this process when it is time."""

    def __init__(self, after: int, delay_s: float, number: int) -> None:
        self.exchanges = 0
        self._after = after
        self._delay_s = delay_s
        self._killing = threading.Timer(delay_s, os.kill, (os.getpid(), number))

    def before_each(self, exchange: Exchange[Any]) -> Steps[None]:
        self._look()
        self.exchanges += 1
        yield from ()

    def at_the_end(self) -> None:
        """What was to be killed does not get away."""
        self._look()
        if self._killing.is_alive():
            self._killing.join()

    def _look(self) -> None:
        if self.exchanges == self._after:
            self._killing.start()
            if self._delay_s == 0:
                self._killing.join()


def taking(order: dict[str, Any]) -> Steps[Result]:
    key, act = order["key"].encode(), order["act"]
    if order["key"] in SETS:
        return taking_entries(order, key)
    if key.startswith(SIDEKIQ.queue("")):
        return taking_waiting(order)
    refs = [JobRef(place, sha) for place, sha in order["refs"]]
    record = ActionRecord(
        ME, act, "some jobs", key, len(refs), "q", undo_s=1000, id=order["operation"]
    )
    if act in ("run", "delay"):
        soon = [DelayedRef(str(SOON), ref.place, ref.sha, 100) for ref in refs]
        if act == "run":
            return delayed_actions.run(KEYS, soon, record)
        return delayed_actions.reschedule(KEYS, soon, LATER, record)
    decide = DECISIONS[act]
    if act == "requeue":
        # So few at once are walked to.
        return bulk.take(KEYS, key, refs, decide, record, at_once=order["at_once"])
    return bulk.take(KEYS, key, refs, decide, record)


def taking_entries(order: dict[str, Any], key: bytes) -> Steps[Result]:
    """The same of entries of Sidekiq's `retry`: the numbers of the refs are scores."""
    refs = [EntryRef(score, sha) for score, sha in order["refs"]]
    record = ActionRecord(ME, order["act"], "some jobs", key, len(refs), id=order["operation"])
    at_once = order["at_once"]
    if order["act"] == "run":
        now = PushTime(1.5)
        return entry_actions.run(SIDEKIQ, "retry", refs, now, record, at_once=at_once)
    return entry_actions.kill(SIDEKIQ, "retry", refs, 1.5, record, at_once=at_once)


def taking_waiting(order: dict[str, Any]) -> Steps[Result]:
    """The same of jobs of one of Sidekiq's queues, as many at once as always: else it would not be
    turned."""
    queue = order["key"].removeprefix(SIDEKIQ.queue("").decode())
    refs = [JobRef(place, sha) for place, sha in order["refs"]]
    key = SIDEKIQ.queue(queue)
    record = ActionRecord(ME, order["act"], "some jobs", key, len(refs), id=order["operation"])
    if order["act"] == "move":
        return queue_actions.move(SIDEKIQ, queue, refs, TARGET, record)
    if order["act"] == "edit":
        return queue_actions.edit(SIDEKIQ, queue, refs, edited, record)
    return queue_actions.delete(SIDEKIQ, queue, refs, record)


def undoing(order: dict[str, Any]) -> Steps[Undone]:
    if order["is_of_sidekiq"]:
        return sidekiq_undo.undo(SIDEKIQ, order["operation"])
    return undo(KEYS, order["operation"])


def carry_out(order: dict[str, Any]) -> list[int]:
    """Returns how many were done, how many could not be, and how many exchanges it took."""
    killer = Killer(order["after"], order["delay_s"], order["signal"])
    with Store(order["url"]) as store:
        if order["act"] == "undo":
            undone = store.run(checked(undoing(order), killer.before_each))
            done, gone = undone.done, undone.lost
        else:
            result = store.run(checked(taking(order), killer.before_each))
            assert (result.refused, result.stopped) == ((), None)
            done, gone = result.done, result.gone
    killer.at_the_end()
    return [done, gone, killer.exchanges]


def in_a_child(order: dict[str, Any]) -> list[int] | None:
    """Carry out an action in a child. Returns what came of it; None when it was killed."""
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
    if os.WIFSIGNALED(status):
        return None
    numbers: list[int] = json.loads(text)
    return numbers


if __name__ == "__main__":
    hurry()
    for line in sys.stdin:
        print(json.dumps(in_a_child(json.loads(line))), flush=True)

"""Advice to start a worker: one that knows what waits. A worker without the classes of the jobs
would fail them all. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from qtop.monitor.incidents.server_checks import named
from queuecore.active_job import unwrapped
from resque.codec import Payload, decode_payload
from resque.store.health import HealthReport


class WaitingClassesSeen(NamedTuple):
    """The classes that are known to wait in a queue; `is_sampled` when more than the next job was
    looked at."""

    names: tuple[str, ...]
    is_sampled: bool


#: What is known to wait, by queue.
Classes = Mapping[str, WaitingClassesSeen]


def waiting_classes(survey: HealthReport | None) -> Classes:
    """What a survey knows of the classes that wait. O(bytes of the next jobs)."""
    if survey is None:
        return {}
    found: dict[str, WaitingClassesSeen] = {}
    for queue, raw in survey.fronts.items():
        payload = decode_payload(raw)
        if isinstance(payload, Payload):
            name, _ = unwrapped(payload.class_name, payload.args)
            found[queue] = WaitingClassesSeen((name,) if name else (), is_sampled=False)
    for queue, seen in survey.waiting.items():
        # The next one may be known better: whose job an ActiveJob is.
        first = found[queue].names if queue in found else ()
        found[queue] = WaitingClassesSeen(
            tuple(dict.fromkeys((*first, *seen.classes))), is_sampled=True
        )
    return found


def worker_for(queues: Iterable[str], classes: Classes) -> str:
    """What to do about queues that no worker serves."""
    known = [classes[queue] for queue in queues if queue in classes]
    names = list(dict.fromkeys(name for each in known for name in each.names))
    if not names:
        return "start a worker that knows the classes of the jobs (`qtop show` tells them)"
    more = "" if all(each.is_sampled for each in known) else " and all that waits behind"
    return f"start a worker that knows {named(names)}{more}"

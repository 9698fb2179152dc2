"""Advice to start a worker: one that knows what waits. A worker without the classes of the jobs
would fail them all. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from qtop.rows.active_job import unwrapped
from qtop.verdicts.server_checks import named
from resque.state.survey import Survey
from resque.wire.codec import Payload, decode_payload

#: The classes that are known to wait, by queue.
Classes = Mapping[str, Sequence[str]]


def waiting_classes(survey: Survey | None) -> Classes:
    """What a survey knows of the classes that wait. O(bytes of the next jobs)."""
    if survey is None:
        return {}
    found: dict[str, Sequence[str]] = {}
    for queue, raw in survey.fronts.items():
        payload = decode_payload(raw)
        if isinstance(payload, Payload):
            name, _ = unwrapped(payload.class_name, payload.args)
            found[queue] = (name,) if name else ()
    for queue, seen in survey.waiting.items():
        # The next one may be known better: whose job an ActiveJob is.
        found[queue] = tuple(dict.fromkeys((*found.get(queue, ()), *seen.classes)))
    return found


def worker_for(queues: Iterable[str], classes: Classes) -> str:
    """What to do about queues that no worker serves."""
    names = list(dict.fromkeys(name for queue in queues for name in classes.get(queue, ())))
    if not names:
        return "start a worker that knows the classes of the jobs (qtop jobs lists them)"
    return f"start a worker that knows {named(names)}"

"""Jobs of several systems in one list: how each says of which one it is. Pure."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

from queuecore.values import replace, value

if TYPE_CHECKING:
    from qtop.model.job import Job


@value
class PlacedRef:
    """What names a job to a list of several places: its own list's `ref`, and the label of its
    place."""

    place: str
    ref: Hashable


@value
class UnreadPart:
    """The part of a list that could not be read: the label of its place, and why, in words. How
    many jobs it has is unknown."""

    place: str
    why: str


def placed_job(place: str, job: Job) -> Job:
    """A job of one place's list, as a list of several places has it."""
    ref = None if job.ref is None else PlacedRef(place, job.ref)
    return replace(job, system=place, ref=ref)


def own_job(job: Job) -> Job:
    """A job of a list of several places, as the list of its own place has it."""
    ref = job.ref
    if not isinstance(ref, PlacedRef):
        return job
    return replace(job, system="", ref=ref.ref)

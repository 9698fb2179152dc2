"""Actions on several systems as one: each part is prepared and carried out by its own system, with
one question, one outcome and one undo for all."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from qtop.actions.plan import (
    UNDONE,
    Operator,
    Outcome,
    Plan,
    PlanParts,
    Refusal,
    ResultTone,
    Throttle,
    count_of,
    skipped,
)
from qtop.actions.request import (
    AnyRequest,
    Clear,
    DeleteSchedules,
    Load,
    OfJobs,
    Pause,
    PauseAll,
    Placed,
    Prune,
    Reorder,
    Replace,
    Request,
    RunSchedules,
    Several,
    Signal,
    Undo,
    by_place,
)
from qtop.actions.stopping import Stopped, between
from qtop.keymap.keymap import Danger
from qtop.model.job import JobSource
from qtop.model.placed import own_job
from qtop.search.selection import PlacedRefs
from qtop.systems.routing import at, why_unread
from qtop.text.format import number
from qtop.text.safe import safe
from queuecore import values
from queuecore.errors import OutcomeUnknown, QueueError, StoreError
from queuecore.exchange import Steps, steps_of

if TYPE_CHECKING:
    from qtop.systems.system import System

#: The dangers and tones of the parts: the last one counts.
_DANGERS: Final[Sequence[Danger]] = ("none", "undoable", "confirm", "typed")
_TONES: Final[Sequence[ResultTone]] = ("", "good", "warn", "bad")
#: What is typed where the parts would ask for several words.
_ALL: Final = "all"
_WHICH: Final = "which system is meant is unclear: choose one first"
#: What requests are about that have no jobs.
_NOUNS: Final[Mapping[type, str]] = {
    **dict.fromkeys((RunSchedules, DeleteSchedules), "schedule"),
    **dict.fromkeys((Prune, Signal), "worker"),
    **dict.fromkeys((Pause,), "queue"),
}

_FIGURE: Final = re.compile(r"\d")

#: The requests of an action by the labels of their places; why others have none, by label.
_Parts = tuple[dict[str, Request], dict[str, str]]


def own_source(source: JobSource) -> JobSource:
    """A list as the system in its place knows it."""
    return values.replace(source, place="") if source.place else source


class JointActions:
    """Prepares actions on several systems in one operator's name.

    Args:
        systems: The systems by the labels of their places.
    """

    def __init__(self, systems: Mapping[str, System], operator: Operator) -> None:
        self._systems, self._operator = systems, operator

    def prepare(self, request: AnyRequest) -> Steps[Plan | Refusal]:
        """Say what a request would do in each place. What one of several places cannot do, or could
        not be asked about, is left out, and the plan says so. Costs what each part costs; raises
        what the only part raises."""
        requests, left_out = self._split(request)
        plans: dict[str, Plan] = {}
        for place, part in requests.items():
            made = yield from self._prepare_part(place, part, is_only=len(requests) == 1)
            if isinstance(made, Plan):
                plans[place] = made
            else:
                left_out[place] = made.text
        if plans:
            return self._joint(request, plans, left_out)
        if not left_out:
            return Refusal("nothing matches")
        if len(left_out) == 1:
            return Refusal(next(iter(left_out.values())))
        return Refusal("; ".join(f"{safe(place)}: {why}" for place, why in left_out.items()))

    def _prepare_part(self, place: str, part: Request, *, is_only: bool) -> Steps[Plan | Refusal]:
        system = self._systems.get(place)
        if system is None:
            return Refusal(f"{safe(place)} is no longer shown")
        try:
            return (yield from at(place, system.prepare(part, self._operator)))
        except QueueError as error:
            if is_only:
                raise
            return Refusal(safe(why_unread(error)))

    # Whose each part is

    def _split(self, request: AnyRequest) -> _Parts:
        match request:
            case Placed(place=place, request=part):
                # What names its place itself may have been listed when others were shown.
                return self._split(part) if _names_place(part) else ({place: _owned(part)}, {})
            case Several(parts=parts, lacking=lacking):
                return {each.place: _owned(each.request) for each in parts}, dict(lacking)
            case OfJobs():
                return self._split_jobs(request)
            case RunSchedules(schedules=rows) | DeleteSchedules(schedules=rows):
                parts_of = by_place(rows)
                return {
                    p: replace(request, schedules=tuple(own)) for p, own in parts_of.items()
                }, {}
            case Replace(source=source, job=job):
                place = job.system or source.place
                own = replace(request, source=own_source(source), job=own_job(job))
                return self._for(place, own)
            case Clear(source=source):
                own_clear = replace(request, source=own_source(source))
                return self._for(source.place, own_clear, all_of_them=True)
            case Load(target=target):
                return self._for(target.place, replace(request, target=own_source(target)))
            case PauseAll() | Reorder():
                return self._for("", request, all_of_them=True)
        return {}, {"": _WHICH}

    def _for(self, place: str, request: Request, *, all_of_them: bool = False) -> _Parts:
        """A request to one place; without one to all, or to none."""
        if place:
            return {place: request}, {}
        return (dict.fromkeys(self._systems, request), {}) if all_of_them else ({}, {"": _WHICH})

    def _split_jobs(self, request: OfJobs) -> _Parts:
        chosen, source = request.chosen, own_source(request.source)
        unread = {each.place: f"could not be read: {safe(each.why)}" for each in chosen.unread}
        refs = chosen.refs
        if not isinstance(refs, PlacedRefs):
            own: Any = replace(request, source=source)
            requests, left_out = self._for(request.source.place, own)
            return requests, {**unread, **left_out}
        parts: dict[str, Request] = {}
        for place, part in refs.parts.items():
            if part.refs or part.unusable:
                own = replace(request, source=source, chosen=part)
                parts[place] = own
        return parts, unread

    # One plan of several

    def _joint(
        self, request: AnyRequest, plans: Mapping[str, Plan], left_out: Mapping[str, str]
    ) -> Plan:
        each = tuple(plans.values())
        has_pace = any(plan.pace is not None for plan in each)
        pace = Throttle() if has_pace else None
        words = {plan.word for plan in each if plan.word is not None}
        sizes = [plan.size_bytes for plan in each]
        danger = max((plan.danger for plan in each), key=_DANGERS.index)
        if (danger == "undoable" and len(plans) > 1) or (danger != "typed" and left_out):
            # One job goes at once, but these are several; or not all that was asked for can be
            # done, which is said before it is begun.
            danger = "confirm"
        return Plan(
            _what(request, plans),
            "/".join(dict.fromkeys(plan.verb for plan in each)),
            tuple(_details(request, plans, left_out)),
            danger,
            lambda: self._run(plans, pace),
            word=(words.pop() if len(words) == 1 else _ALL) if words else None,
            pace=pace,
            many=sum(plan.many for plan in each),
            size_bytes=None if None in sizes else sum(filter(None, sizes)),
            record=each[0].record,
            meanwhile=_of_parts((place, plan.meanwhile) for place, plan in plans.items()),
            no_undo=_of_parts((place, plan.no_undo) for place, plan in plans.items()) or None,
            samples=tuple(dict.fromkeys(sample for plan in each for sample in plan.samples)),
            besides=_of_parts((place, plan.besides) for place, plan in plans.items()),
            parts=self._apart(request, plans),
        )

    def _apart(self, request: AnyRequest, plans: Mapping[str, Plan]) -> PlanParts | None:
        """The parts of a plan that are confirmed apart: dead workers of one system are no reason to
        do anything about those of another."""
        if len(plans) == 1 or not all(isinstance(each, Prune) for each in _requests(request)):
            return None
        titles = {place: f"{safe(place)}: {plan.what}" for place, plan in plans.items()}

        def only(places: Collection[str]) -> Plan:
            return self._joint(request, {p: plans[p] for p in plans if p in places}, {})

        return PlanParts(titles, only)

    def _run(self, plans: Mapping[str, Plan], pace: Throttle | None) -> Steps[Outcome]:
        """Carry out one part after the other. One that fails holds up no other; one that is stopped
        ends all."""
        outcomes: dict[str, Outcome] = {}
        done, of = 0, sum(plan.many for plan in plans.values())
        for place, plan in plans.items():
            if any(isinstance(each.stopped, Stopped) for each in outcomes.values()):
                stopped = Stopped("stopped before it began")
                outcomes[place] = Outcome("not started", "bad", stopped=stopped, left=plan.many)
                continue
            if pace is not None and plan.pace is not None:
                plan.pace.jobs_per_s = pace.jobs_per_s
            outcomes[place] = yield from self._run_part(place, plan, done, of)
            done += plan.many
        return _sum(outcomes)

    def _run_part(self, place: str, plan: Plan, done: int, of: int) -> Steps[Outcome]:
        try:
            yield between(done, of)
            work = self._systems[place].guarded(plan.run())
            return (yield from _counted(at(place, steps_of(work)), done, of))
        except Stopped as error:
            return Outcome("stopped, nothing was changed", "bad", stopped=error, left=plan.many)
        except OutcomeUnknown as error:
            text = "outcome unknown: check before you try again"
            return Outcome(text, "bad", stopped=error, left=plan.many)
        except QueueError as error:
            problem = error if isinstance(error, StoreError) else StoreError(str(error))
            return Outcome(safe(str(error)), "bad", stopped=problem, left=plan.many)


def _names_place(request: Request) -> bool:
    """Whether a request says of itself to which places it is."""
    match request:
        case OfJobs():
            return bool(request.source.place) or isinstance(request.chosen.refs, PlacedRefs)
        case Replace():
            return bool(request.source.place or request.job.system)
        case Clear():
            return bool(request.source.place)
        case Load():
            return bool(request.target.place)
    return False


def _owned(request: Request) -> Request:
    """A request to one place as its system knows it."""
    match request:
        case OfJobs():
            refs, chosen = request.chosen.refs, request.chosen
            if isinstance(refs, PlacedRefs) and len(refs.parts) == 1:
                [chosen] = refs.parts.values()
            own: Any = replace(request, source=own_source(request.source), chosen=chosen)
            return own  # type: ignore[no-any-return]
        case Replace():
            own_of = own_job(request.job)
            return replace(request, source=own_source(request.source), job=own_of)
        case Clear():
            return replace(request, source=own_source(request.source))
        case Load():
            return replace(request, target=own_source(request.target))
    return request


# In words.


def _of_parts(words: Iterable[tuple[str, str | None]]) -> str:
    return "; ".join(f"{safe(place)}: {text}" for place, text in words if text)


def _what(request: AnyRequest, plans: Mapping[str, Plan]) -> str:
    """The title: what is done, and to how many in each place."""
    if len(plans) == 1:
        [(place, plan)] = plans.items()
        return f"{plan.what} in {safe(place)}"
    first = next(iter(plans.values()))
    is_alike = all(plan.verb == first.verb for plan in plans.values())
    if not is_alike or any(isinstance(each, Undo) for each in _requests(request)):
        return "; ".join(f"{safe(place)}: {plan.what}" for place, plan in plans.items())
    counts = ", ".join(f"{safe(place)} {number(plan.many)}" for place, plan in plans.items())
    many = sum(plan.many for plan in plans.values())
    return f"{first.verb} {count_of(many, _noun(request))} ({counts})"


def _requests(request: AnyRequest) -> Iterator[Request]:
    if isinstance(request, Several):
        yield from (each.request for each in request.parts)
    else:
        yield request.request if isinstance(request, Placed) else request


def _noun(request: AnyRequest) -> str:
    first = next(_requests(request))
    if isinstance(first, OfJobs):
        return first.source.noun
    return _NOUNS.get(type(first), "job")


def _details(
    request: AnyRequest, plans: Mapping[str, Plan], left_out: Mapping[str, str]
) -> Iterator[str]:
    """What each place says, and what all say once; then what is left out, and why. A line with
    figures is never said once for all: its figures would read as those of all together."""
    lists = [plan.details for plan in plans.values()]
    shared = [
        line
        for line in lists[0]
        if all(line in each for each in lists) and (len(lists) == 1 or not _FIGURE.search(line))
    ]
    for place, plan in plans.items():
        own = [line for line in plan.details if line and line not in shared]
        if len(plans) > 1 and own:
            yield f"{safe(place)}: {plan.what}"
        yield from own
    yield from (line for line in shared if line)
    yield from (f"Skipped: {safe(place)}: {why}" for place, why in left_out.items())
    for each in _requests(request):
        large = each.chosen.too_large if isinstance(each, OfJobs) else 0
        if large and isinstance(each, OfJobs) and isinstance(each.chosen.refs, PlacedRefs):
            yield f"Skipped: {number(large)} too large to search."


def _said(outcomes: Mapping[str, Outcome]) -> str:
    """What came of each part, in as few words as it takes: a terminal cuts the end."""
    verbs = {outcome.verb for outcome in outcomes.values() if outcome.stopped is None}
    verb = verbs.pop() if len(verbs) == 1 else ""
    alike = {p: each for p, each in outcomes.items() if verb and each.stopped is None}
    if len(alike) < 2:
        return _of_parts((place, outcome.text) for place, outcome in outcomes.items())
    done, gone = (sum(map(attrgetter(name), alike.values())) for name in ("done", "gone"))
    each = ", ".join(f"{safe(place)} {number(outcome.done)}" for place, outcome in alike.items())
    text = f"{verb} {number(done)} ({each})"
    if verb == UNDONE:
        text += f", too late for {number(gone)}" if gone else ""
    else:
        refused = [pair for outcome in alike.values() for pair in outcome.refused]
        why = refused[0][0] if refused else ""
        text += skipped(gone, sum(n for _, n in refused), why)
    others = _of_parts((p, each.text) for p, each in outcomes.items() if p not in alike)
    return f"{others}; {text}" if others else text


def _sum(outcomes: Mapping[str, Outcome]) -> Outcome:
    """What came of all parts: the numbers of each, and together."""
    each = tuple(outcomes.values())
    refused: dict[str, int] = {}
    for outcome in each:
        for reason, count in outcome.refused:
            refused[reason] = refused.get(reason, 0) + count
    return Outcome(
        _said(outcomes),
        max((outcome.tone for outcome in each), key=_TONES.index),
        sum(outcome.done for outcome in each),
        sum(outcome.gone for outcome in each),
        tuple(refused.items()),
        next((outcome.stopped for outcome in each if outcome.stopped is not None), None),
        sum(outcome.left for outcome in each),
        parts=tuple(outcomes.items()),
    )


def _counted(steps: Steps[Outcome], before: int, of: int) -> Steps[Outcome]:
    """The same steps, whose progress counts `before` others and is one of `of`."""
    result: object = None
    problem: Exception | None = None
    while True:
        try:
            step = steps.throw(problem) if problem is not None else steps.send(result)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        if step.progress is not None:
            step = values.replace(step, progress=(before + step.progress[0], of))
        try:
            result, problem = (yield step), None
        except Exception as error:
            problem = error

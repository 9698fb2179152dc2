"""The frame of every screen: its shape, how it is left, and what the bars around it say."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, ClassVar, Final, TypeVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from qtop.keymap import keymap
from qtop.keymap.keymap import Where
from qtop.monitor.incidents.incident import troubles
from qtop.monitor.row_text import waiting, working
from qtop.monitor.rows import Totals
from qtop.monitor.state import PlaceCondition, UiPolicy, ViewState
from qtop.text.format import NOTHING, brief, dropped, number, part_name, partly, rate
from qtop.text.safe import ago, safe
from qtop.widgets.bars import Span
from qtop.widgets.columns import letters_of

ResultT = TypeVar("ResultT")


def take_shape(screen: Screen[Any]) -> None:
    """Give a new screen the classes of its breakpoints. Textual learns the shape when all has been
    styled and laid out, and does both again."""
    width, height = screen.app.size
    for cells, shapes in (
        (width, screen.HORIZONTAL_BREAKPOINTS),
        (height, screen.VERTICAL_BREAKPOINTS),
    ):
        fitting = [shape for shape in shapes or () if shape[0] <= cells]
        if fitting:
            screen.add_class(max(fitting)[1], update=False)


class FrontScreen(Screen[ResultT]):
    """A box that can be left while it is in front.

    A key pressed twice, or an answer that comes late, may ask a screen to leave that has left.
    Textual would take away whatever is in front then.
    """

    def __init__(self) -> None:
        super().__init__()
        take_shape(self)

    def dismiss(self, result: ResultT | None = None) -> AwaitComplete:
        """Leave with a result, if this is the screen in front; else nothing happens."""
        return super().dismiss(result) if self.is_active else AwaitComplete()


MIN_SIZE: Final = Size(60, 15)


def is_too_small(size: Size) -> bool:
    return size.width < MIN_SIZE.width or size.height < MIN_SIZE.height


class TooSmallScreen(FrontScreen[None], ModalScreen[None]):
    """Covers everything until the terminal has grown."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,ctrl+c,ctrl+q", "app.quit", show=False, priority=True)
    ]

    def compose(self) -> ComposeResult:
        yield Static(self._sentence(), markup=False)

    def on_screen_resume(self) -> None:
        """Leave, where the terminal has grown while a question was in front of this."""
        if not is_too_small(self.app.size):
            self.dismiss()

    def on_resize(self, event: events.Resize) -> None:
        self.query_one(Static).update(self._sentence())

    def _sentence(self) -> Text:
        size = self.app.size
        return Text(
            f"terminal too small: needs {MIN_SIZE.width}x{MIN_SIZE.height}, "
            f"has {size.width}x{size.height}"
        )


# What the bars say: texts from the state of the console.

_USUAL: Final = UiPolicy()
_SLOW_MS: Final = 250
#: From how many cells on the names of all tabs fit, with their figures and the totals.
_ROOMY: Final = 120


def status(view: ViewState, width: int = _ROOMY) -> tuple[list[Span], list[Span]]:
    """The status line: where we are, and how fresh what we see is; with the totals where the tabs
    leave them no room in the `width`."""
    left = [Span(" qtop ", "badge", 90), Span(" ", "", 90)]
    if view.policy.production is not None:
        left += [Span(" PRODUCTION ", "danger", 97), Span(" ", "", 97)]
    poll = view.poll
    if poll.error is not None:
        since_s = view.now_mono - (poll.failing_since_mono or view.now_mono)
        wait_s = max(0.0, (poll.next_try_mono or view.now_mono) - view.now_mono)
        trying = f"next try in {ago(wait_s)}" if wait_s >= 1 else "trying now"
        text = f"⚠ no answer from {_whom(view)} for {ago(since_s)}; {trying} "
        totals = [] if width >= _ROOMY else _totals(view)
        return [*left, Span(text, "bad", 99, least=20)], totals + _secrets(view) + _frozen(view)
    left += _where(view)
    left.append(Span(f"  every {view.interval_s:g} s", "dim", 10))
    right: list[Span] = []
    if view.fleet is not None and view.fleet.totals.is_paused:
        right += [Span(" PAUSED ", "flag", 95), Span(" ")]
    if view.read_only:
        right += [Span(" READ-ONLY ", "flag", 94), Span(" ")]
    right += _secrets(view)
    if width < _ROOMY:
        right += _totals(view)
    if view.local_alive:
        ending = f", {view.local_ending} ending" if view.local_ending else ""
        right.append(Span(f"● {view.local_alive} here{ending}  ", "accent", 40))
    if view.rtt_ms is not None:
        tone = "warn" if view.rtt_ms > _SLOW_MS else "dim"
        right.append(Span(f"{_milliseconds(view.rtt_ms)} ", tone, 30))
    return left, right + _frozen(view)


def _whom(view: ViewState) -> str:
    """Who does not answer: the server, or the places."""
    return " and ".join(safe(part.label) for part in view.parts) or view.address


def _where(view: ViewState) -> list[Span]:
    """Where we are: the address and the namespace; of several places what is shown, and of each
    where it is, or that it does not answer."""
    one = [
        Span(view.address, "strong", 80, least=12),
        Span(f"  {safe(view.namespace)}", "", 70),
    ]
    if not view.shown:
        return one
    key = view.policy.sign("next_place")
    what = [Span(f" {key} {safe(view.shown)} ", "flag", 96, "app.next_place"), Span(" ", "", 96)]
    if not view.parts:
        return what + one
    letters = letters_of([part.label for part in view.parts])
    return what + [span for part in view.parts for span in _part(view, part, letters[part.label])]


def _part(view: ViewState, part: PlaceCondition, letter: str) -> list[Span]:
    poll, name = part.poll, safe(part.label)
    if poll.error is None:
        named = "" if part.namespace == part.label else f" {safe(part.namespace)}"
        where = f"{part.address}{named}"
        return [
            Span(f" {letter} ", "strong", 88),
            Span(name, "", 87),
            Span(f" {where} ", "dim", 20, least=12),
        ]
    since_s = view.now_mono - (poll.failing_since_mono or view.now_mono)
    age_s = None if poll.taken_mono is None else view.now_mono - poll.taken_mono
    old = "" if age_s is None else f"; as of {ago(age_s)} ago"
    return [
        Span(f" {letter} ", "strong", 88),
        Span(f"⚠ {name}: no answer for {ago(since_s)}", "bad", 95, least=12),
        Span(f"{old} ", "bad", 60),
    ]


def _secrets(view: ViewState) -> list[Span]:
    return [Span(" SECRETS SHOWN ", "flag", 93), Span(" ")] if view.policy.is_revealed else []


def _frozen(view: ViewState) -> list[Span]:
    if view.frozen_since_mono is None:
        return []
    moment = "" if view.fleet is None else f" {view.fleet.server_time.astimezone():%H:%M:%S}"
    spans = [Span(f" FROZEN{moment} ", "flag", 96)]
    if view.is_unanswered and view.poll.error is None:
        # That Redis does not answer is news, whatever is frozen.
        spans[:0] = [Span(" NO ANSWER NOW ", "flag", 95), Span(" ", "", 95)]
    return spans


def _milliseconds(rtt_ms: float) -> str:
    # Coarse on purpose: figures that flicker are bytes over ssh and no news.
    for bound in (5, 20, 50, 100, _SLOW_MS, 500):
        if rtt_ms < bound:
            return f"<{bound} ms"
    return f"{rtt_ms / 1_000:.1f} s"


#: The names of tabs where there is less room.
_SHORT: Final[dict[Where, str]] = {"scheduled": "Sched", "history": "Hist"}


def tabs(view: ViewState, current: Where, width: int = _ROOMY) -> tuple[list[Span], list[Span]]:
    """The screens with their counts, and where all fits into the `width` the totals."""
    is_roomy = width >= _ROOMY
    figures = _figures(view, number if is_roomy else brief)
    left: list[Span] = []
    for where, usual in keymap.SCREENS.items():
        digit = keymap.key_sign(view.policy.rebound.get(f"show_{where}", (usual,))[0])
        action = f"app.show('{where}')"
        here = where == current
        style = "current" if here else "dim"
        figure, tone = figures.get(where, ("", ""))
        left.append(Span(f"{'▌' if here else ' '}{digit}", style, 100, action))
        name = keymap.PLACES[where].removeprefix("on ")
        name = name if is_roomy else _SHORT.get(where, name)
        left.append(Span(f" {name}", style, 99 if here else 92, action))
        if figure:
            left.append(Span(f" {figure}", tone or style, 94 if tone else 93, action))
        # All or none: tabs that stand further apart than others look as if they meant something.
        left.append(Span(" ", "", 65, group="gap"))
    right = _totals(view) if is_roomy else []
    if not view.is_stale:
        return left, right
    return [span._replace(tone="dim") for span in left], right


def _figures(view: ViewState, text: Callable[[int | None], str]) -> dict[Where, tuple[str, str]]:
    """What each tab counts, and the tone of that."""
    figures: dict[Where, tuple[str, str]] = {}
    if view.fleet is not None:
        totals = view.fleet.totals
        wrong, worst = troubles(view.insights.incidents)
        drops = totals.drops
        failed = partly(totals.failed, is_least=totals.failed_is_least, text=text)
        figures = {
            "overview": (number(wrong) if wrong else "", "bad" if worst == "crit" else worst),
            "queues": (partly(totals.queues, is_least=totals.queues_is_least, text=text), ""),
            "workers": (dropped(working(totals), drops.workers), "warn" if totals.troubled else ""),
            "failed": (dropped(failed, drops.failed), "warn" if drops.failed else ""),
        }
    if view.local_alive:
        figures["local"] = (number(view.local_alive), "")
    return figures


def _totals(view: ViewState) -> list[Span]:
    if view.fleet is None:
        return []
    if view.is_stale and view.poll.taken_mono is not None:
        return [Span(f" as of {ago(view.now_mono - view.poll.taken_mono)} ago ", "flag", 60)]
    totals = view.fleet.totals
    tone = "warn" if totals.drops.waiting else "strong"
    spans = [Span(f"{waiting(totals)} waiting", tone, 60)]
    if totals.processed_per_s is not None:
        spans.append(Span(f"  {rate(totals.processed_per_s)} done/s", "good", 50))
    if totals.failed_per_s:
        spans.append(Span(f"  {rate(totals.failed_per_s)} failed/s", "warn", 55))
    return [*spans, Span(" ", "", 60)]


#: How long each of `chart_heads` is.
HEAD_CELLS: Final = 18


def chart_heads(totals: Totals | None) -> list[tuple[str, str]]:
    """What is before each of the charts (waiting, done, failed), and the tone of its bars."""
    rates = (None, None) if totals is None else (totals.processed_per_s, totals.failed_per_s)
    return [
        (f" waiting  {waiting(totals):>7} ", "accent"),
        (f" done/s   {rate(rates[0]):>7} ", "accent"),
        (f" failed/s {rate(rates[1]):>7} ", "bad"),
    ]


def trouble(view: ViewState) -> list[Span]:
    """What is wrong with Redis, in words; nothing when all is well."""
    if view.poll.error is not None:
        return [Span(f" {safe(view.poll.error)}", "warn")]
    failing = [part for part in view.parts if part.poll.error is not None]
    if failing:
        each = (f"{safe(part.label)}: {safe(part.poll.error or '')}" for part in failing)
        return [Span(f" ⚠ {'; '.join(each)}", "warn")]
    problems = {} if view.fleet is None else view.fleet.totals.problems
    if problems:
        # The names first: there is little room, and the reasons are long.
        what, why = ", ".join(map(part_name, problems)), "; ".join(dict.fromkeys(problems.values()))
        return [Span(f" ⚠ unknown: {safe(what)}: {safe(why)}", "warn")]
    return []


def footer(
    places: Collection[Where],
    *,
    read_only: bool,
    policy: UiPolicy = _USUAL,
    on: Collection[str] = (),
) -> tuple[list[Span], list[Span]]:
    """The keys that do something here; those that everything has are at the right. `on` are the
    actions that are switched on."""
    actions = keymap.footer(policy.actions(places, read_only=read_only), on)
    always = {action.id for action in keymap.of({"everywhere"})}
    left: list[Span] = [Span(" ", "", 90)]
    right: list[Span] = []
    for rank, (sign, label, action_id) in enumerate(actions):
        everywhere = action_id in always
        priority = 99 if everywhere else 80 - rank
        # The keys of tables and texts belong to the widget that has the focus.
        action = None if "." in action_id else f"{'app' if everywhere else 'screen'}.{action_id}"
        (right if everywhere else left).extend(
            (
                Span(sign, "key", priority, action, action_id),
                Span(f" {label}  ", "dim", priority, action, action_id),
            )
        )
    return left, right


def empty_word(view: ViewState, noun: str, advice: str, what: str = "") -> str:
    """What an empty list says. `what` is what the list is called where it could not be read."""
    if view.fleet is None:
        return f"Connecting to {view.address} …" if not view.is_stale else NOTHING
    if why := view.fleet.totals.problems.get(what):
        return unknown_word(why)
    return f"No {noun} yet: {advice}" if advice else f"No {noun}."


def none_runs(view: ViewState) -> str:
    """What an empty list of running jobs says."""
    if view.fleet is None:
        return empty_word(view, "jobs", "")
    problems = view.fleet.totals.problems
    why = problems.get("workers") or problems.get("jobs in hand")
    return "No job is running." if why is None else unknown_word(why)


def unknown_word(why: str) -> str:
    """What a list says that could not be read."""
    return f"unknown: {safe(why)}"

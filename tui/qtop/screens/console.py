"""What screens know of the app: the state that they show, and what they can ask the app to do.

Screens are below the app and never import it. Each protocol here lists what they use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from datetime import datetime

    from textual.await_complete import AwaitComplete
    from textual.geometry import Size
    from textual.screen import Screen
    from textual.timer import Timer
    from textual.widget import AwaitMount
    from textual.worker import Worker, WorkType

    from qtop.actions.plan import Operator, Plan, Refusal
    from qtop.actions.request import AnyRequest, PruneEvidence
    from qtop.actions.runner import ForegroundPriority
    from qtop.config.own_commands import OwnCommand
    from qtop.config.settings import Settings
    from qtop.local.groups import LocalWorker, WorkerGroup
    from qtop.local.workers import LocalWorkers
    from qtop.model.job import JobSource
    from qtop.monitor.incidents.incident import Incident, Link
    from qtop.monitor.rows import WorkerRow
    from qtop.monitor.state import ConsoleState
    from qtop.monitor.together import ShownState
    from qtop.search.fields import Subject
    from qtop.search.selection import JobSearch, RefusalCheck, Selection
    from qtop.systems.system import JobSystem, System
    from qtop.widgets.list_pane import ListPane
    from qtop.widgets.plot import DrawnAs
    from qtop.widgets.table import Table
    from queuecore.audit import AuditEntry
    from queuecore.exchange import Operation, Steps

T = TypeVar("T")
ResultT = TypeVar("ResultT")


class Console(Protocol):
    """The app."""

    settings: Settings
    local: LocalWorkers
    clock: Callable[[], float]
    #: Whether lists show more about the row under the cursor, where there is room.
    shows_preview: bool

    @property
    def system(self) -> JobSystem:
        """That of the place that is shown, or that of all together."""

    @property
    def state(self) -> ShownState:
        """What is known of what is shown."""

    @property
    def drawn_as(self) -> DrawnAs:
        """How charts are drawn on this terminal."""

    @property
    def actions(self) -> Actions:
        """What changes something."""

    @property
    def own_commands(self) -> OwnCommands:
        """What runs the commands of the settings."""

    @property
    def worker_actions(self) -> LocalActions:
        """The same for the workers started here."""

    @property
    def is_leaving(self) -> bool:
        """Whether the console was asked to end, or ends."""

    def say(self, text: str, tone: str = "", *, stays: bool = False) -> None:
        """Show a safe one-line result on the page in front; with `stays` on later pages, too."""

    def word_on(self, page: Any) -> tuple[str, str]:
        """The last result and its tone, if it concerns a page that comes to the front."""

    async def read(self, operation: Operation[T]) -> T:
        """Read from Redis. Raises StoreError."""

    def prepare(self, request: AnyRequest, operator: Operator) -> Steps[Plan | Refusal]:
        """Say what a request would do in its place, or in the one that is shown; see
        `JobSystem.prepare`."""

    def evidence(
        self, names: Mapping[str, Sequence[str]] | None, lacking: Mapping[str, str]
    ) -> Steps[PruneEvidence]:
        """Gather what speaks for and against the death of the processes with these names, by the
        label of their place, or, for None, of all that may be dead in the places that are shown.
        Nothing is looked for where it is `lacking`. Cost: see `JobSystem.evidence`."""

    def show_now(self) -> None:
        """Show what is known by now on the page in front."""

    def state_of(self, label: str) -> ConsoleState:
        """What is known of the place with this label; of the one that is shown for an empty one."""

    async def run_at(self, label: str, operation: Callable[[System], Operation[T]]) -> T:
        """Carry out work of the place with this label, of the one that is shown for an empty one.
        Raises StoreError."""

    def poll_now(self, *, after_action: bool = False) -> None:
        """Poll without waiting for the interval; after an action, its record first."""

    def toggle_freeze(self) -> None:
        """Stop the display, or let it go on."""

    def remembered_filters(self, place: str) -> list[str]:
        """The filters used in a place, the newest last: to be added to."""

    async def follow(self, link: Link) -> None:
        """Show a numbered screen with the cursor on a row; without that row, with a filter."""

    def go_back(self, pane: ListPane) -> bool:
        """Go back to the numbered screen from which a link led to this one; its list gets the
        filter and the cursor that it had before. False where no link did, or where another filter
        than the link's is set."""

    @property
    def trail(self) -> list[str]:
        """The numbered screens from which links led to this one, the first one first."""

    # Textual's own. What waits for a result must be in a Textual worker; `exclusive` ends the
    # others of its group; `suspend` raises SuspendNotSupported.

    @property
    def size(self) -> Size: ...
    @property
    def screen(self) -> Screen[Any]: ...
    @property
    def screen_stack(self) -> list[Screen[Any]]: ...
    def switch_mode(self, mode: str) -> AwaitMount: ...
    def push_screen(
        self, screen: Screen[ResultT], callback: Callable[[ResultT | None], None] | None = None
    ) -> AwaitMount: ...
    async def push_screen_wait(self, screen: Screen[ResultT]) -> ResultT: ...
    def pop_screen(self) -> AwaitComplete: ...
    def run_worker(
        self,
        work: WorkType[T],
        name: str | None = "",
        group: str = "default",
        *,
        exclusive: bool = False,
    ) -> Worker[T]: ...
    def set_interval(self, interval: float, callback: Callable[[], None]) -> Timer: ...
    def suspend(self) -> AbstractContextManager[None]: ...
    def copy_to_clipboard(self, text: str) -> None: ...
    def exit(self) -> None: ...


class Actions(Protocol):
    """What screens ask for that changes something. Each question, refusal and result is shown."""

    precedence: ForegroundPriority

    def refuses(self) -> bool:
        """Whether nothing can be changed now; then the reason is said."""

    def request(
        self,
        request: AnyRequest,
        table: Table[Any] | None = None,
        *,
        looking: str = "checking",
    ) -> None:
        """Prepare a request, ask if that is needed, and carry it out; `table` loses its marks then.
        `looking` is shown while it is prepared."""

    def request_after(
        self, looking: str, operation: Operation[T], make: Callable[[T], AnyRequest]
    ) -> None:
        """Read what a request is about, make the request of it, and go on as `request`."""

    def request_found(
        self,
        search: JobSearch,
        make: Callable[[Selection], AnyRequest],
        table: Table[Any] | None = None,
        *,
        refusal: RefusalCheck = ...,
        spares: bool = False,
        looking: str = ...,
    ) -> None:
        """Look through a list for all that a search finds, make a request of it, and go on as
        `request`."""

    def stop(self) -> bool:
        """Stop the action that is under way; False when there is none."""

    def pause_or_resume_all(self) -> None:
        """Pause everything, or resume it when it is paused; nothing when that is unknown."""

    def acknowledge(self, incident: Incident) -> None:
        """Ask why and for how long an incident is acknowledged, and note it for all consoles; end
        that of one that is acknowledged."""

    def undo(self) -> None:
        """Take back the last action of this console."""

    def undo_deed(self, audit_entry: AuditEntry) -> None:
        """Take back an action that is on record."""

    def ask_for_moment(
        self, source: JobSource, chosen: Selection, table: Table[Any] | None = None
    ) -> None:
        """Ask until when to delay jobs, and do it."""

    def ask_when(self, title: str, then: Callable[[datetime], None]) -> None:
        """Ask for a time to come, and go on with it."""


class OwnCommands(Protocol):
    """What screens ask for with the commands of the settings."""

    def request(self, command: OwnCommand, row: Subject | None) -> None:
        """Run a command about a row, after a question where it wants one."""


class LocalActions(Protocol):
    """What screens ask for with the workers started here."""

    def ask(self, queues: Sequence[str], systems: Iterable[str] = ()) -> None:
        """Ask how to start workers for these queues, in this order, and start them. `systems` are
        the labels of the places of the queues: of one for which none can be started, say why."""

    def show_log(self, row: WorkerRow) -> None:
        """Show the log of a registered worker, if it was started here."""

    def stop(self, workers: Sequence[LocalWorker]) -> None:
        """Stop workers, after a question: when their jobs are done, then now, then kill them."""

    def pause(self, workers: Sequence[LocalWorker]) -> None:
        """Let workers take no more jobs; take some again when all of them are paused."""

    def scale(self, group: WorkerGroup, by: int) -> None:
        """One worker more or less."""

"""The console itself: holds the state, feeds the screen in front, and starts what keys ask for."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, TypeVar

from textual import events
from textual.app import App
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.timer import Timer

from qtop.app.input_queue import Followed, InputQueue
from qtop.app.lifecycle import Lifecycle, stdin_is_a_terminal
from qtop.app.places import ConsolePlaces, Joined, Watching
from qtop.app.terminal.driver import AsciiDriver, TerminalDriver
from qtop.config.places import PlaceOptions
from qtop.config.settings import Settings
from qtop.keymap import keymap
from qtop.keymap.keymap import Where
from qtop.local.workers import LocalWorkers
from qtop.monitor.incidents.incident import Link
from qtop.monitor.place_monitor import PlaceMonitor
from qtop.monitor.state import ALL, ConsoleState, UiPolicy
from qtop.screens.base import ConsoleScreen, load_screens
from qtop.screens.frame import TooSmallScreen, is_too_small
from qtop.search.filter_language import term
from qtop.systems.runner import RedisRunner, open_system
from qtop.systems.system import OF_COMMANDS, JobSystem, PartRunner, System
from qtop.text.safe import safe
from qtop.widgets.table import Table
from qtop.widgets.themes import theme_named, theme_names
from queuecore.exchange import Exchange, Operation, Steps

if TYPE_CHECKING:
    from textual.theme import Theme

    from qtop.actions.plan import Operator, Plan, Refusal
    from qtop.actions.request import AnyRequest, PruneEvidence
    from qtop.app.action_controller import ActionController
    from qtop.app.alerts import AlertWatch
    from qtop.app.command_controller import AroundConsole, CommandController
    from qtop.app.own_command_controller import OwnCommandController
    from qtop.app.place_finder import Discovery
    from qtop.app.worker_controller import LocalWorkerController
    from qtop.monitor.together import ShownState
    from qtop.systems.finding import Sought
    from qtop.widgets.list_pane import ListPane
    from qtop.widgets.plot import DrawnAs


T = TypeVar("T")

#: How long the console waits at its end for workers that finish: what takes longer does so by
#: itself.
FINISH_S: Final = 2.0
#: How long the result of an action can be read.
WORD_STAYS_S: Final = 30.0
#: What the keys for a faster and a slower display choose from.
_INTERVALS_S: Final = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
#: What the search for places is called among what watches them: no label.
_FINDER: Final = ""


@dataclass(frozen=True, slots=True)
class ConsoleOptions:
    """What a console is started with.

    `places` are what it shows, one at least; where others are `sought`, too, the first of them is a
    guess, which is left when there is nothing but others. `interval_s` is the time between two
    polls. `log_folder` is for logs of workers and reports of crashes; made when needed. `require`
    are modules with jobs, for workers started here, and `workers` lists of queues: a worker is
    started here for each. `around` is the program that opens it, None where it does nothing for it.
    """

    places: tuple[PlaceOptions, ...]
    interval_s: float
    read_only: bool
    log_folder: Path
    require: tuple[str, ...] = ()
    workers: tuple[str, ...] = ()
    sought: Sought | None = None
    settings: Settings = field(default_factory=Settings)
    around: AroundConsole | None = None


class Step(NamedTuple):
    """From which numbered screen to which one a link led, which filter it set there, and which
    filter and which row under the cursor there were before."""

    left: str
    reached: str
    filter: str
    filter_before: str
    cursor_before: Hashable


def _action(action_id: str) -> str:
    """What Textual runs for a key that works everywhere."""
    place = action_id.removeprefix("show_")
    return f"show('{place}')" if place in keymap.SCREENS else action_id


def _new_screen(name: str) -> Screen[Any]:
    """A screen that a digit shows. Its module is imported when it is first shown: each costs some
    20 ms, and the first frame must not wait for it."""
    module = import_module(f"qtop.screens.{name}")
    screen: Screen[Any] = getattr(module, f"{name.capitalize()}Screen")()
    return screen


def _runner_at(place: PlaceOptions, *, read_only: bool) -> PartRunner:
    """What carries out the work of a place. Connects nothing."""
    system = open_system(place.address, place.namespace, url=place.url, system=place.system)
    return RedisRunner(system, place.address, read_only=read_only)


def _join(runners: Mapping[str, PartRunner], trouble: Callable[[str], str | None]) -> Joined:
    # Imported here: a console of one place does without it.
    from qtop.systems.routing import PlacesRunner, SystemsOf, at
    from qtop.systems.together import Together

    return Joined(
        Together(SystemsOf(runners)),
        PlacesRunner(runners, trouble=trouble),
        at,
    )


def _starts_workers(system: System) -> bool:
    return system.abilities.get("start_workers") is None


def _load_the_rest() -> None:
    """Import what the first frame did not wait for. Takes some 300 ms."""
    load_screens()
    import_module("qtop.app.worker_controller")


class QtopApp(App[None]):
    """The console on the queue systems of one place or several; for what screens ask of it see
    `Console`.

    `open_place` gives what runs the work of a place, by default on its Redis; `sleep` waits between
    two polls. `terminal_is_there` is asked every five seconds; when it is not, the console ends.
    """

    CSS_PATH = "qtop.tcss"
    TITLE = "qtop"
    ENABLE_COMMAND_PALETTE = False
    DEFAULT_MODE = "overview"
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {
        name: partial(_new_screen, name) for name in keymap.SCREENS
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(",".join(a.keys), _action(a.id), a.label, show=False, id=a.id)
        for a in keymap.of({"everywhere"})
    ]

    def __init__(
        self,
        options: ConsoleOptions,
        *,
        open_place: Callable[[PlaceOptions], PartRunner] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        terminal_is_there: Callable[[], bool] = stdin_is_a_terminal,
    ) -> None:
        self.settings = settings = options.settings
        super().__init__(AsciiDriver if settings.values["ascii"] else TerminalDriver)
        self._options = options
        self._input = InputQueue(self)
        self._lifecycle = Lifecycle(self, options.log_folder, terminal_is_there)
        self._styled_for: Theme | None = None
        #: What the settings call the theme, and whether the terminal has 16 colours at most.
        self._theme_name, self._has_16_colours = str(settings.values["theme"]), False
        self._filter_memory: dict[str, list[str]] = defaultdict(list)
        self._set_up_looks()
        self.clock = clock
        self.shows_preview = True
        self.last_word: tuple[str, str] = ("", "")
        #: The page that the last result is for; None: every one.
        self._word_page: ConsoleScreen | None = None
        #: The links that were followed, for the way back.
        self._steps: list[Step] = []
        self._asks_rights = open_place is None and not options.read_only
        self._open_place = open_place or partial(_runner_at, read_only=options.read_only)
        self._has_begun = False
        self._silence: Timer | None = None
        self._second: Timer | None = None
        self._has_said_unread = False
        #: The profile on which the console is to be opened again once it has ended.
        self.wanted_profile: str | None = None
        #: Where the places are, by their labels.
        self._options_of = {place.label: place for place in options.places}
        self._watching = Watching(self, clock, sleep)
        self.places = ConsolePlaces(self._watching, _join)
        sources = [(place.label, self._open_place(place)) for place in options.places]
        starting = next((s for _, s in sources if _starts_workers(s.system)), sources[0][1])
        self.local = LocalWorkers(
            options.log_folder.with_name("local"),
            starting.system,
            environ=os.environ,
            on_change=self._show,
        )
        for label, source in sources:
            self.places.add(label, source, self._new_state(source.system))
        #: What watches each place, and what looks for others.
        self._tasks: dict[str, list[asyncio.Task[None]]] = defaultdict(list)

    def _new_state(self, system: System) -> ConsoleState:
        settings = self.settings
        return ConsoleState(
            system=system,
            interval_s=self._options.interval_s,
            read_only=self._options.read_only,
            local=self.local,
            local_host=socket.gethostname(),
            clock=self.clock,
            policy=UiPolicy(
                production=settings.production,
                secrets=settings.redactor,
                rebound=settings.keys,
                forbidden={
                    name: why
                    for name, why in system.abilities.items()
                    if why and name not in OF_COMMANDS
                },
                wording=system.wording,
                thresholds=settings.thresholds,
            ),
        )

    @property
    def state(self) -> ShownState:
        """What is known of what is shown."""
        return self.places.state

    @property
    def system(self) -> JobSystem:
        """That of what is shown."""
        return self.places.system

    @property
    def drawn_as(self) -> DrawnAs:
        """How charts are drawn: fonts of the Linux console have no braille, and so has no terminal
        of 7 bits."""
        has_none = self.settings.values["ascii"] or os.environ.get("TERM") == "linux"
        return "blocks" if has_none else "braille"

    def _set_up_looks(self) -> None:
        values = self.settings.values
        if "TEXTUAL_THEME" not in os.environ:
            self.use_theme(values["theme"])
        self.set_keymap({name: ",".join(keys) for name, keys in self.settings.keys.items()})

    # What Textual calls

    def run(self, **options: Any) -> None:
        """Run until the end, in colours that the terminal has. What asks to leave is heard from
        here on; raises nothing that happens in the console. For the main thread."""
        if self.console.color_system in (None, "standard"):
            self.no_color = self.no_color or self.console.color_system is None
            self._has_16_colours = True
            self.use_theme(self._theme_name)
        with self._lifecycle.signals:
            super().run(**options)

    def refresh_css(self, animate: bool = True) -> None:
        """Parse the style sheets anew and style everything, if the theme is another one.

        Textual asks for it before there is anything to style, too, and for each screen that is
        shown for the first time. A screen is styled anyway when it comes to the front.
        """
        if self.current_theme is self._styled_for:
            return
        self._styled_for = self.current_theme
        if self.children:
            super().refresh_css(animate)
        else:
            self.stylesheet.set_variables(self.get_css_variables())

    async def run_action(self, action: Any, *args: Any, **options: Any) -> bool:
        """Run what a key or a click asks for, unless the server would refuse it."""
        name = action if isinstance(action, str) else action[1]
        refused = self.state.policy.forbidden.get(name.partition("(")[0].rpartition(".")[2])
        if refused is None:
            return await super().run_action(action, *args, **options)
        self.say(refused, "warn")
        return True

    async def on_event(self, event: events.Event) -> None:
        await self._input.on_event(event)

    async def on_followed(self, message: Followed) -> None:
        await self._input.on_followed(message)

    def on_mount(self) -> None:
        """Paint first, connect after."""
        self._lifecycle.watch()
        self._second = self.set_interval(1.0, self._show, pause=True)
        self.call_after_refresh(self._connect)

    def on_resize(self, event: events.Resize) -> None:
        """Cover everything while the terminal is too small, and tell the driver: on a terminal of
        another size nothing is where it was."""
        covered = isinstance(self.screen, TooSmallScreen)
        if is_too_small(event.size) and not covered:
            self.push_screen(TooSmallScreen())
        elif covered and not is_too_small(event.size):
            self.pop_screen()
        if self.places.are_several:
            # Whether there is room to name the systems depends on it.
            self.call_after_refresh(self._show)
        if isinstance(self._driver, TerminalDriver):
            self._driver.resize(event.size)
            if self._screen_stack and event.size == self.screen.outer_size:
                # It had another size for a moment. Textual sees no change, and would paint nothing.
                self.refresh(layout=True)

    async def on_unmount(self) -> None:
        """End the workers started here, and the connections."""
        for name in list(self._tasks):
            await self._end_tasks(name)
        await self.local.close(FINISH_S)
        await self.places.close()

    def exit(self, result: None = None, return_code: int = 0, message: Any = None) -> None:
        """End, with status 1 if not another one is given and something has crashed."""
        super().exit(result, return_code or self._lifecycle.status, message)

    def panic(self, *renderables: Any) -> None:
        """End without showing anything of the error, but never without a word."""
        self._lifecycle.note_crash(sys.exception() or RuntimeError())
        self._return_code = 1
        self._close_messages_no_wait()

    def _handle_exception(self, error: Exception) -> None:
        self._lifecycle.note_crash(error)
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        self._close_messages_no_wait()

    def _print_error_renderables(self) -> None:
        self._lifecycle.print_last_word()

    # State

    def say(self, text: str, tone: str = "", *, stays: bool = False) -> None:
        """As `Console.say`; after half a minute it is gone. `stays` is for results of actions."""
        self.last_word = (text, tone)
        self._word_page = None if stays else self._page()
        if self._silence is not None:
            self._silence.stop()
        self._silence = self.set_timer(WORD_STAYS_S, lambda: self.say("")) if text else None
        page = self._page()
        if page is not None and page.is_mounted:
            page.say(text, tone)

    def word_on(self, page: ConsoleScreen) -> tuple[str, str]:
        """As `Console.word_on`; a result of another page is over."""
        if self._word_page is not None and self._word_page is not page:
            self.last_word, self._word_page = ("", ""), None
        return self.last_word

    def on_news(self, monitor: PlaceMonitor, *, is_poll: bool) -> None:
        """Show what is new of a place; see `Listener`."""
        if not self._has_begun:
            self._has_begun = True
            self.run_worker(self._begin(), group="first")
        if is_poll:
            self.places.note_poll(monitor)
        if not self.settings.alerts.is_nothing:
            self._alert_watch.look(self.places.incidents, is_whole=self.places.are_reported)
        self._show()

    def _page(self) -> ConsoleScreen | None:
        """The page that is in front, perhaps below a question, or not mounted yet."""
        pages = (s for s in reversed(self.screen_stack) if isinstance(s, ConsoleScreen))
        return next(pages, None)

    def _show(self) -> None:
        # At the end, screens lose their widgets one after the other.
        page = self._page() if self.is_running and not self._exit else None
        if page is not None and page.is_mounted:
            page.show(self.state.view())
        # Ages grow by themselves only while something is wrong: else the screen is quiet.
        if self._second is not None:
            (self._second.resume if self.state.ages else self._second.pause)()

    # Looking

    def _connect(self) -> None:
        for monitor in self.places.monitors:
            self._watch(monitor)

    def _watch(self, monitor: PlaceMonitor) -> None:
        """Begin to read what a place tells."""
        monitor.source.open()
        if self._asks_rights:
            self.run_worker(monitor.learn_permissions(), group="permissions")
        for run in monitor.watches():
            self._begin_task(monitor.name, run)

    def _begin_task(self, name: str, run: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(run)
        task.add_done_callback(self._task_ended)
        self._tasks[name].append(task)

    async def _end_tasks(self, name: str) -> None:
        for task in self._tasks.pop(name, []):
            task.cancel()
            await asyncio.wait((task,))

    async def _begin(self) -> None:
        """Load what the first frame and the first poll did not wait for."""
        await asyncio.to_thread(_load_the_rest)
        self._look_for_places()
        if not self._options.read_only:
            await self.worker_actions.start_first(self._options.workers)

    def _look_for_places(self) -> None:
        sought = self._options.sought
        if sought is None:
            return
        from qtop.app.place_finder import PlaceFinder

        finder = PlaceFinder(
            sought, self._options.places, self.places, self, sleep=self._watching.sleep
        )
        self._begin_task(_FINDER, finder.run())

    async def on_discovery(self, found: Discovery) -> None:
        """Show what was found, too; see `Discoverer`."""
        guess = self._options.places[0].label
        for place in found.joining:
            source = self._open_place(place)
            self._options_of[place.label] = place
            self._watch(self.places.add(place.label, source, self._new_state(source.system)))
        is_guess_shown = any(each.name == guess for each in self.places.monitors)
        if not found.is_first_meant and is_guess_shown and self.places.are_several:
            await self._end_tasks(guess)
            await self.places.drop(guess)
        if found.joining:
            self.local.system = self.places.starting.system
            self.say(self._word_of(found), "good")
            # With labels, or without.
            self.poll_now()
        elif found.unread and not self._has_said_unread:
            self._has_said_unread = True
            self.say(safe(f"unknown: {'; '.join(found.unread)}"), "warn")
        self._show()

    def _word_of(self, found: Discovery) -> str:
        names = ", ".join(safe(place.label) for place in found.joining)
        if not self.places.are_several:
            return f"found here: {names}"
        key = self.state.policy.sign("next_place")
        return f"also found: {names}; {key} shows each alone"

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            self._handle_exception(error)

    # Keys that work everywhere

    def action_show(self, name: Where) -> None:
        """Show one of the numbered screens itself, not what was opened from it."""
        self._steps.clear()
        if name != self.current_mode:
            self.switch_mode(name)
        self._leave_opened()
        tables = [table for table in self.screen.query(Table) if table.display]
        if tables:
            self.screen.set_focus(tables[0])

    def _leave_opened(self) -> None:
        """Back to the numbered screen from what was opened from it."""
        while len(self.screen_stack) > 1:
            self.pop_screen()

    def action_help(self) -> None:
        from qtop.screens.help import HelpScreen

        if isinstance(self.screen, ConsoleScreen) and not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(self.screen.PLACES))

    def action_palette(self) -> None:
        if isinstance(self.screen, ConsoleScreen):
            self.commands.ask(self.screen)

    def action_next_place(self) -> None:
        """Show all places, then each of them alone, then all again: on the numbered screen, since
        what was opened from it is of one place."""
        if not self.places.are_several:
            self.say(f"there is only one system here: {safe(self.system.name)}", "dim")
            return
        self._leave_opened()
        shown = self.places.show_next()
        self._show()
        self.say(f"shown: {safe(shown)}", "dim")

    def show_place(self, label: str) -> None:
        """Show one of several places, or all of them, on the numbered screen."""
        self._leave_opened()
        self.places.shown = label
        self._show()
        self.say(f"shown: {safe(label)}", "dim")

    @property
    def place_labels(self) -> Sequence[str]:
        return self.places.labels

    @property
    def shown_places(self) -> Sequence[PlaceOptions]:
        shown = self.places.shown
        labels = [each.name for each in self.places.monitors if shown in (ALL, each.name)]
        return [self._options_of[label] for label in labels]

    def reopen(self, profile: str) -> None:
        self.run_worker(self._reopen(profile), group="quit", exclusive=True)

    async def _reopen(self, profile: str) -> None:
        self.wanted_profile = profile
        await self.worker_actions.leave()
        if not self._exit:
            # A person who was asked about workers stays.
            self.wanted_profile = None

    async def action_quit(self) -> None:
        if not self.local.alive:
            self.exit()
        else:
            self.run_worker(self.worker_actions.leave(), group="quit", exclusive=True)

    def action_faster(self) -> None:
        self._set_interval(max((s for s in _INTERVALS_S if s < self.state.interval_s), default=0))

    def action_slower(self) -> None:
        self._set_interval(min((s for s in _INTERVALS_S if s > self.state.interval_s), default=60))

    def _set_interval(self, interval_s: float) -> None:
        self.places.set_interval(interval_s)  # within the limits
        self._show()
        self.say(f"refresh every {self.state.interval_s:g} s")

    @property
    def theme_names(self) -> Sequence[str]:
        return theme_names(of_16=self._has_16_colours)

    def press_key(self, key: str) -> None:
        self.simulate_key(key)

    def action_choose_theme(self) -> None:
        # Imported here: only this key needs it.
        from qtop.screens.theme_chooser import ThemeScreen

        def chosen(name: str | None) -> None:
            if name is not None:
                kept = f'theme = "{name}"'
                self.say(f"theme {name} until the console ends; to keep it: {kept} in the settings")

        if isinstance(self.screen, ConsoleScreen):
            names = self.theme_names
            now = self._theme_name if self._theme_name in names else names[0]
            self.push_screen(ThemeScreen(names, now, self.use_theme), chosen)

    def use_theme(self, name: str) -> None:
        """Show the console in a theme, by what the settings call it. Raises ValueError where there
        is none. Cost: everything is styled and painted anew, where it is another one."""
        theme = theme_named(name, of_16=self._has_16_colours)
        self._theme_name = name
        self.register_theme(theme)
        self.theme = theme.name

    def action_reveal(self) -> None:
        policy = self.state.policy
        if policy.secrets.hides_nothing:
            self.say("nothing is hidden: the settings say redact = false", "dim")
            return
        self.places.reveal(not policy.is_revealed)
        self._show()

    def action_repaint(self) -> None:
        """Draw everything anew, whatever the terminal shows."""
        if isinstance(self._driver, TerminalDriver):
            self._driver.resize(self.size)
        self.refresh(layout=True)

    # What screens ask for

    @property
    def is_leaving(self) -> bool:
        return self._lifecycle.is_leaving

    def remembered_filters(self, place: str) -> list[str]:
        return self._filter_memory[place]

    def toggle_freeze(self) -> None:
        self.places.toggle_freeze()
        # What was said of a frozen display is over.
        self.say("")
        self._show()

    @cached_property
    def actions(self) -> ActionController:
        """What carries out actions; made when it is needed first."""
        from qtop.app.action_controller import ActionController

        return ActionController(self, read_only=self._options.read_only)

    @cached_property
    def commands(self) -> CommandController:
        """What the command line does; made when it is needed first."""
        from qtop.app.command_controller import CommandController

        around, is_read_only = self._options.around, self._options.read_only
        return CommandController(self, around, read_only=is_read_only)

    @cached_property
    def own_commands(self) -> OwnCommandController:
        """What runs the commands of the settings."""
        from qtop.app.own_command_controller import OwnCommandController

        return OwnCommandController(self, read_only=self._options.read_only)

    @cached_property
    def worker_actions(self) -> LocalWorkerController:
        """The same for the workers started here."""
        from qtop.app.worker_controller import LocalWorkerController

        return LocalWorkerController(
            self, self.local, self.actions, self.places, self._options.require
        )

    async def follow(self, link: Link) -> None:
        """As `Console.follow`. The way back is remembered."""
        left = self.current_mode
        await self.switch_mode(link.place)
        while len(self.screen_stack) > 1:
            await self.pop_screen()
        screen = self.screen
        if not isinstance(screen, ConsoleScreen) or screen.pane is None:
            return
        screen.show(self.state.view())
        pane = screen.pane
        before = (pane.filter.text, pane.table.cursor_key)
        pane.set_filter("")
        if link.key is not None:
            screen.reveal_row(link.key)
        found = link.key is not None and pane.table.move_to(link.key)
        wanted = self._filter_of(link)
        if not found:
            pane.set_filter(wanted)
        if left != link.place:
            self._steps.append(Step(left, link.place, pane.filter.text, *before))
            screen.show_title()
        if link.key is not None and not found and not link.filter:
            self.say("no longer there", "dim")

    def _filter_of(self, link: Link) -> str:
        """The filter that a link sets; among the rows of several places it leaves those of one."""
        if not link.system or self.places.shown != ALL or (link.key and not link.filter):
            return link.filter
        return f"{link.filter} {term('system', link.system)}".strip()

    def go_back(self, pane: ListPane) -> bool:
        step = self._steps[-1] if self._steps else None
        if step is None or step.reached != self.current_mode:
            return False
        if pane.filter.text not in ("", step.filter):
            return False
        self._steps.pop()
        pane.set_filter(step.filter_before)
        pane.table.move_to(step.cursor_before)
        self.switch_mode(step.left)
        return True

    @property
    def trail(self) -> list[str]:
        """As `Console.trail`."""
        names = [step.left for step in self._steps]
        return names if self._steps and self._steps[-1].reached == self.current_mode else []

    def show_now(self) -> None:
        self._show()

    @cached_property
    def _alert_watch(self) -> AlertWatch:
        """What tells of a new CRIT; made when the settings want any of that."""
        from qtop.app.alerts import AlertWatch

        redact = self.settings.redactor.text
        return AlertWatch(self.settings.alerts, self, redact, self.clock)

    def notify_terminal(self, text: str) -> None:
        """Have the terminal show a notification with a safe text, if it can."""
        if self._driver is not None:
            self._driver.write(f"\x1b]9;{text}\x07")

    def state_of(self, label: str) -> ConsoleState:
        return self.places.monitor(label).state

    async def run_at(self, label: str, operation: Callable[[System], Operation[T]]) -> T:
        monitor = self.places.monitor(label)
        return await monitor.source.run(operation(monitor.system))

    def poll_now(self, *, after_action: bool = False) -> None:
        self.places.poll_now(after_action=after_action)

    def prepare(self, request: AnyRequest, operator: Operator) -> Steps[Plan | Refusal]:
        return self.places.prepare(request, operator)

    def evidence(
        self, names: Mapping[str, Sequence[str]] | None, lacking: Mapping[str, str]
    ) -> Steps[PruneEvidence]:
        return self.places.evidence(names, lacking)

    async def read(self, operation: Operation[T]) -> T:
        if isinstance(operation, Exchange) and not operation.commands:
            # What is known already needs no connection.
            return operation.parse([])
        return await self.places.run(operation)

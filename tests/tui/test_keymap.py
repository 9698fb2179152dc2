"""All bindings, footers and help texts agree with the one table of keys."""

from collections import Counter
from collections.abc import Iterable

import pytest
from textual.binding import Binding

from qtop.app.app import QtopApp
from qtop.keymap import keymap
from qtop.keymap.keymap import ACTIONS, PLACES, Where
from qtop.screens import frame
from qtop.screens.base import ConsoleScreen
from qtop.screens.command_line import PALETTE_BINDINGS
from qtop.screens.dialogs import DIALOG_BINDINGS
from qtop.screens.failed import FailedScreen, FailureScreen, GroupScreen
from qtop.screens.help import HelpScreen, help_lines
from qtop.screens.history import ActionScreen, HistoryScreen
from qtop.screens.incidents import IncidentScreen
from qtop.screens.jobs import JobScreen, JobsScreen, SetAsideScreen
from qtop.screens.local import LocalScreen, LogScreen
from qtop.screens.overview import OverviewScreen
from qtop.screens.queues import QueuesScreen
from qtop.screens.running import RunningScreen
from qtop.screens.runs import RunsScreen
from qtop.screens.scheduled import DelayedJobScreen, ScheduledScreen, ScheduleScreen
from qtop.screens.workers import HostsScreen, WorkerScreen, WorkersScreen
from qtop.widgets.filter_input import FILTER_BINDINGS
from qtop.widgets.table import TABLE_BINDINGS
from qtop.widgets.text_view import TEXT_BINDINGS

SCREENS: list[type[ConsoleScreen]] = [
    OverviewScreen,
    IncidentScreen,
    QueuesScreen,
    WorkersScreen,
    FailedScreen,
    GroupScreen,
    FailureScreen,
    WorkerScreen,
    JobsScreen,
    JobScreen,
    SetAsideScreen,
    ScheduledScreen,
    DelayedJobScreen,
    ScheduleScreen,
    LocalScreen,
    LogScreen,
    HistoryScreen,
    RunsScreen,
    HostsScreen,
    RunningScreen,
    ActionScreen,
    HelpScreen,
]


def keys_of(bindings: Iterable[object]) -> dict[str | None, set[str]]:
    """The keys of each binding, by its id."""
    return {b.id: set(b.key.split(",")) for b in bindings if isinstance(b, Binding) and b.id}


def test_tables_texts_and_questions_answer_the_keys_of_the_table() -> None:
    of_widgets = keys_of(
        [*TABLE_BINDINGS, *TEXT_BINDINGS, *DIALOG_BINDINGS, *FILTER_BINDINGS, *PALETTE_BINDINGS]
    )
    assert of_widgets == {a.id: set(a.keys) for a in ACTIONS if "." in a.id}


def test_the_console_answers_the_keys_that_work_everywhere() -> None:
    everywhere = {a.id: set(a.keys) for a in keymap.of({"everywhere"})}
    assert keys_of(QtopApp.BINDINGS) == everywhere
    run = [b.action for b in QtopApp.BINDINGS if isinstance(b, Binding)]
    assert all(hasattr(QtopApp, f"action_{action.partition('(')[0]}") for action in run)


@pytest.mark.parametrize("screen", SCREENS)
def test_every_screen_answers_the_keys_of_its_places(screen: type[ConsoleScreen]) -> None:
    own = {a.id: set(a.keys) for a in keymap.of(screen.PLACES) if "." not in a.id}
    assert keys_of(screen.BINDINGS) == own
    assert all(hasattr(screen, f"action_{action_id}") for action_id in own)


@pytest.mark.parametrize("screen", SCREENS)
def test_no_key_means_two_things_on_a_screen(screen: type[ConsoleScreen]) -> None:
    keys = Counter(key for a in keymap.of({*screen.PLACES, "everywhere"}) for key in a.keys)
    assert [key for key, number in keys.items() if number > 1] == []


def test_every_action_works_on_some_screen() -> None:
    places: set[Where] = {"everywhere", "dialogs", "filter", "palette"}
    for screen in SCREENS:
        places.update(screen.PLACES)
    assert places == set(PLACES)
    assert all(set(action.where) <= places for action in ACTIONS)


@pytest.mark.parametrize("screen", SCREENS)
def test_the_footer_says_the_keys_of_the_table(screen: type[ConsoleScreen]) -> None:
    places = {*screen.PLACES, "everywhere"}
    left, right = frame.footer(places, read_only=False)
    said = [span.text for span in (*left, *right) if span.tone == "key"]
    labelled = [a for a in keymap.of(places) if a.label]
    assert Counter(said) == Counter(keymap.key_sign(a.keys[0]) for a in labelled)


@pytest.mark.parametrize("screen", [QueuesScreen, WorkersScreen, FailedScreen])
def test_a_read_only_footer_leaves_out_what_changes_something(screen: type[ConsoleScreen]) -> None:
    left, _ = frame.footer(screen.PLACES, read_only=True)
    said = {span.text for span in left if span.tone == "key"}
    assert said.isdisjoint({"r", "c", "p", "P", "s", "x"})
    assert {"enter", "o", "f"} <= said


def test_the_help_explains_every_action_once() -> None:
    texts = [line.text for line in help_lines(read_only=False)]
    assert all(sum(text.startswith(a.help) for text in texts) == 1 for a in ACTIONS)


@pytest.mark.parametrize("screen", SCREENS)
def test_the_help_begins_with_the_keys_of_this_screen(screen: type[ConsoleScreen]) -> None:
    texts = [line.text for line in help_lines(screen.PLACES, read_only=False)]
    assert all(sum(text.startswith(a.help) for text in texts) == 1 for a in ACTIONS)
    own = keymap.of(set(screen.PLACES) - {"tables", "texts"})
    if own:
        assert texts[0].startswith("Here, on ")
        assert texts[len(own) + 1] == ""
        assert all(
            text.startswith(action.help)
            for action, text in zip(own, texts[1 : len(own) + 1], strict=True)
        )


def test_ids_are_unique_and_helps_are_sentences() -> None:
    assert len({a.id for a in ACTIONS}) == len(ACTIONS)
    assert all(a.help[0].isupper() and a.help.endswith(".") for a in ACTIONS)
    assert len({a.help for a in ACTIONS}) == len(ACTIONS)


def test_every_dangerous_action_counts_as_a_change() -> None:
    assert all(action.changes for action in ACTIONS if action.danger != "none")

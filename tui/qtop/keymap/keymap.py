"""Every action of the console that has a key: its id, keys, label, help, places, danger. Below
the table: the other words by which the command line finds them, the commands of the shell, which
actions work in a place, their keys (rebound or not), and how keys are written.

Bindings, footer, help, command line and the manual's tables of keys come from here. The table has
parts with headings. Each entry is a line `id | keys | label | where | danger`, its help below it:

- keys: as Textual names them.
- label: for the footer, if there is one; after a `/` that for while it is on.
- where: the places where it works; `-` before one in which its keys mean something else.
- danger: what comes before it (see `DANGERS`); `changes` for nothing, though it changes something.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import chain
from typing import Final, Literal

from queuecore.values import replace, value

Where = Literal[
    "everywhere",
    "tables",
    "lists",
    "rows",
    "overview",
    "incident",
    "queues",
    "jobs",
    "job",
    "aside",
    "workers",
    "worker",
    "hosts",
    "running",
    "failed",
    "group",
    "failure",
    "scheduled",
    "delayed",
    "schedule",
    "local",
    "log",
    "history",
    "runs",
    "action",
    "texts",
    "dialogs",
    "filter",
    "palette",
]
Danger = Literal["none", "undoable", "confirm", "typed"]

PLACES: Final[dict[Where, str]] = {
    "everywhere": "everywhere",
    "tables": "in every table",
    "lists": "on the numbered screens",
    "rows": "in every list",
    "overview": "on Overview",
    "incident": "on an incident",
    "queues": "on Queues",
    "jobs": "on waiting jobs",
    "job": "on one waiting job",
    "aside": "on unreadable items",
    "workers": "on Workers",
    "worker": "on one worker",
    "hosts": "on the machines",
    "running": "on running jobs",
    "failed": "on Failed",
    "group": "on a group of failures",
    "failure": "on one failure",
    "scheduled": "on Scheduled",
    "delayed": "on one delayed job",
    "schedule": "on one schedule",
    "local": "on Local",
    "log": "on a log",
    "history": "on History",
    "runs": "on what was run",
    "action": "on one action",
    "texts": "on details",
    "dialogs": "in a question",
    "filter": "in a filter",
    "palette": "in the command line",
}
"""What the places are called on the screen."""

DANGERS: Final[dict[Danger, str]] = {
    "none": "",
    "undoable": "at once; undo: `u`",
    "confirm": "asks first",
    "typed": "asks for the name",
}


@value
class Action:
    """One thing that a key does.

    Attributes:
        id: Its name in code: a screen's `action_<id>`, or the id of a widget's binding.
        keys: The keys, as Textual names them.
        label: One or two words for the footer; empty: not in the footer.
        help: A sentence.
        where: The places where it works.
        danger: What comes between the key and the action: nothing, a question, a name to type.
        changes: It changes something in Redis or starts or stops processes: not when read-only.
        but_not: Places within those of `where` in which its keys mean something else.
        label_on: The label while what it switches is on; empty: the same label.
    """

    id: str
    keys: tuple[str, ...]
    label: str
    help: str
    where: tuple[Where, ...]
    danger: Danger = "none"
    changes: bool = False
    but_not: tuple[Where, ...] = ()
    label_on: str = ""

    def works_in(self, places: Collection[Where]) -> bool:
        """Whether its keys work on a screen with these places."""
        is_there = any(place in places for place in self.where)
        return is_there and not any(place in places for place in self.but_not)


_PLACES: Final[dict[str, Where]] = {place: place for place in PLACES}
_DANGERS: Final[dict[str, Danger]] = {"": "none", "changes": "none", **{d: d for d in DANGERS}}


def _sections(table: str) -> dict[str, tuple[Action, ...]]:
    """The parts of the table by their headings. Raises ValueError or KeyError for a malformed
    entry."""
    found: dict[str, tuple[Action, ...]] = {}
    for part in table.strip().split("\n\n"):
        # An entry becomes one line: those of its help are indented.
        heading, *entries = part.replace("\n    ", "\t").split("\n")
        found[heading.removeprefix("# ")] = tuple(map(_action, entries))
    return found


def _action(entry: str) -> Action:
    head, *help = entry.split("\t")
    action_id, keys, labels, places, danger = (part.strip() for part in head.split("|"))
    label, _, label_on = labels.partition(" / ")
    words = places.split()
    return Action(
        action_id,
        tuple(keys.split()),
        label,
        " ".join(help),
        tuple(_PLACES[word] for word in words if not word.startswith("-")),
        _DANGERS[danger],
        changes=bool(danger),
        but_not=tuple(_PLACES[word[1:]] for word in words if word.startswith("-")),
        label_on=label_on,
    )


SECTIONS: Final = _sections("""
# opening
table.open | enter  | open | tables                       |
    Open what is under the cursor: a queue's waiting jobs, a worker, a failure; on Overview, the
    screen that shows more.
back       | escape | back | jobs aside hosts running group runs texts |
    Go back.

# overview
next_part     | tab       | next part | overview |
    Go to the next panel.
previous_part | shift+tab |           | overview |
    Go to the previous panel.
acknowledge   | z | acknowledge | overview |
    Acknowledge the incident under the cursor: asks why and for how long; again: end that.
show_acknowledged | a |           | overview |
    Show or hide the acknowledged incidents.

# failed
requeue        | r | requeue | failed group failure | confirm
    Requeue the marked failed jobs, or those of the groups; asks first if several.
requeue_all    | R | all     | failed group         | confirm
    Requeue all failed jobs that match the filter, or all of the group.
delete         | d | delete  | failed group failure | confirm
    Delete the marked failed jobs, or those of the groups; asks first if several.
delete_all     | D |         | failed group         | confirm
    Delete all failed jobs that match the filter, or all of the group.
toggle_groups  | t | groups  | failed group         |
    Switch between groups of similar failures and single failures.
edit           | e | edit    | failed group failure | confirm
    Edit the payload of a failed job in $VISUAL or $EDITOR and requeue it.
edit_all       | E |         | failed group         | confirm
    Edit a value in the arguments of the marked failed jobs or groups, else of all that match.
move           | m | move    | failed group failure | confirm
    Requeue the marked failed jobs, or those of the groups, to another queue.
move_all       | M |         | failed group         | confirm
    Requeue all failed jobs that match the filter, or all of the group, to another queue.
kill           | i | kill    | failed group failure | confirm
    Kill the marked failed jobs, or those of the groups: move them to Dead, without retries.
kill_all       | I |         | failed group         | confirm
    Kill all failed jobs that match the filter, or all of the group: move them to Dead.
postpone       | h | reschedule | failed group failure | confirm
    Reschedule the next try of the marked failed jobs, or those of the groups; asks for the time.
postpone_all   | H |         | failed group         | confirm
    Reschedule the next try of all failed jobs that match the filter, or of all of the group.
export         | w | export  | failed group failure |
    Export failed jobs to a file: the marked ones, or all that match.
next_list      | b |         | failed               |
    Show the next list of failures, where each queue has its own; then the quarantined jobs.
quarantine     | X |         | overview failed group failure | confirm
    Quarantine all copies of a failed job, waiting ones too: no worker takes them.
stop           | x |         | failed group         |
    Stop a running action or search; again: continue the search.
clear_failures | c | clear   | failed               | typed
    Clear the list: delete all failures that are in it now.

# jobs
put_back          | r | requeue | aside          | confirm
    Requeue the marked items, if they are readable now.
put_back_matching | R |         | aside          | confirm
    Requeue all items that match the filter, if they are readable now.
delete_jobs       | d | delete  | jobs job aside | confirm
    Delete the marked waiting jobs; asks first if several.
delete_matching   | D |         | jobs aside     | confirm
    Delete all waiting jobs that match the filter, on all pages.
move_jobs         | m | move    | jobs job aside | confirm
    Move the marked waiting jobs to the end of another queue; asks which.
move_matching     | M |         | jobs aside     | confirm
    Move all waiting jobs that match the filter to the end of another queue.
edit_job          | e | edit    | jobs job aside | confirm
    Edit a waiting job in its place; an edited unreadable item is requeued.
edit_matching     | E |         | jobs           | confirm
    Edit a value in the arguments of the marked waiting jobs, else of all that match the filter.
export_jobs       | w | export  | jobs job aside |
    Export waiting jobs to a file: the marked ones, or all that match.
stop_looking      | x |         | jobs aside     |
    Stop a running action or search of the queue; again: continue the search.

# queues
clear_queue   | c | clear   | queues                        | typed
    Clear the queue under the cursor: delete all jobs that wait in it now.
pause         | p | pause   | queues                        | undoable
    Pause the queue under the cursor, or the marked ones; resume them if all are paused.
show_serving  | W | workers | queues jobs aside             |
    Show the workers that serve the queue.
show_aside    | b |         | queues jobs                   |
    Show the unreadable items that workers moved out of the queue.
remove_queue  | D |         | queues                        | typed
    Remove the queue under the cursor, with the jobs that wait in it now.
unfold        | right |     | queues                        |
    Show the queues of a row like `tenant_*`; so does `enter`.
fold          | left  |     | queues                        |
    Fold the queues whose names begin like the one under the cursor.
start_workers | s | start   | overview queues workers local | confirm
    Start workers on this machine; asks which queues and how many.

# workers
stop_worker  | x | stop       | workers local | confirm
    Stop workers on this machine: after their job; a second press: now.
pause_worker | p | pause      | workers local | changes
    Pause or resume workers on this machine.
dump_worker  | i | dump       | workers       | changes
    Have the marked workers log their threads.
unregister   | d | prune      | workers       | confirm
    Prune the marked workers, dead or not; the jobs that they run move to Failed.
prune        | D | prune dead | workers       | confirm
    Prune all dead workers, after showing the evidence; the jobs that they held move to Failed.
cancel       | c | cancel     | worker        | confirm
    Cancel the iterable jobs that the process runs.
hosts        | t | hosts      | workers hosts running |
    Switch between workers, machines and running jobs.

# scheduled
run_now           | r | run now   | scheduled delayed schedule | undoable
    Run the marked delayed jobs, or the jobs of the marked schedules, now.
drop              | d | delete    | scheduled delayed schedule | undoable
    Delete the marked delayed jobs or schedules; asks first if several.
reschedule        | m | reschedule | scheduled delayed          | confirm
    Reschedule the marked delayed jobs; asks for the time.
kill_delayed      | i | kill      | scheduled delayed          | confirm
    Kill the marked delayed jobs: move them to Dead.
jobs_or_schedules | t | schedules | scheduled                  |
    Switch between recurring schedules and delayed jobs.
by_class          | b | classes   | scheduled                  |
    Switch between delayed jobs by class and by time.
run_matching      | R |           | scheduled                  | confirm
    Run all delayed jobs that match the filter now.
drop_matching     | D |           | scheduled                  | confirm
    Delete all delayed jobs that match the filter.
reschedule_matching | M H |       | scheduled                  | confirm
    Reschedule all delayed jobs that match the filter; asks for the time.
kill_matching     | I |           | scheduled                  | confirm
    Kill all delayed jobs that match the filter: move them to Dead.
stop_search       | x |           | scheduled                  |
    Stop the search through all delayed jobs; again: restart it.

# local
log            | l     | log    | workers worker local |
    Show the log of a worker that was started here; of a group, of one of its workers.
more_workers   | + =   | more   | local                | changes
    Add a worker to the group under the cursor; those that gave up try again.
fewer_workers  | -     | fewer  | local                | changes
    Stop one worker of the group under the cursor, after its job.
follow         | f     | follow | log                  |
    Follow the end of the log, or stop following.
hold           | p     | pause  | log                  |
    Pause the log; again: continue at its end.
search         | slash | search | log                  |
    Search the lines.
next_match     | n     | next   | log                  |
    Go to the next match.
previous_match | N     |        | log                  |
    Go to the previous match.

# history
undo_deed | u | undo | history action | confirm
    Undo the action under the cursor, whoever did it.
open_runs | t | runs | history       |
    Show runs and failures by day, and by class with durations.
next_span | t | span | runs          |
    Switch between days, and classes over 1, 8 and 72 hours.

# lists
filter           | slash  | filter                 | rows                       |
    Show only rows that match: class:, error:, queue:, args.0:, age>1h, /regex/, !not, words.
pause_all        | P      | pause all / resume all | overview lists             | confirm
    Pause or resume everything: paused workers finish their job and take no other.
undo             | u      | undo                   | \
    overview queues jobs job aside workers failed local group failure scheduled delayed schedule \
    | changes
    Undo the last action of this console; a running one is stopped first, and asks.
table.mark       | space  | mark                   | rows                       |
    Mark the row and go to the next.
table.mark_range | v      |                        | rows                       |
    Begin or end a range of marks.
table.mark_all   | a      |                        | rows                       |
    Mark all rows, or none if all are marked.
next_sort        | o      | sort                   | rows                       |
    Sort by the next column, or with a digit by that column; the same digit again reverses.
reverse_sort     | O      |                        | rows                       |
    Reverse the order.
choose_columns   | C      |                        | lists jobs -history        |
    Choose the columns and their order, until the console ends.
copy             | y      |                        | overview rows texts        |
    Copy the marked rows, or what is shown, to the clipboard; of a single failure its error.
copy_ticket      | Y      |                        | overview failed group failure incident |
    Copy a text for a ticket: incident, figures, times, three samples; secrets hidden.
next_job         | ]      |                        | failure job delayed        |
    Go to the next job of the list.
previous_job     | [      |                        | failure job delayed        |
    Go to the previous job of the list.
clear_filter     | escape |                        | lists                      |
    Clear the filter; after `enter` or `W` led here, go back.
preview          | V      | preview                | \
    queues workers failed group jobs aside scheduled |
    Show or hide details of the row under the cursor: at the right from 140 columns on, else below
    the list if there is room.
freeze           | f      | freeze / unfreeze         | overview lists             |
    Freeze all screens, or unfreeze them.

# moving
table.down      | j down   |  | tables |
    One row down.
table.up        | k up     |  | tables |
    One row up.
table.first     | g home   |  | tables |
    Go to the first row.
table.last      | G end    |  | tables |
    Go to the last row.
table.page_down | pagedown |  | tables |
    One page down; at the end of a page of jobs, the next page.
table.page_up   | pageup   |  | tables |
    One page up; at the beginning of a page of jobs, the previous page.

# texts
text.down      | j down         | scroll | texts |
    One line down.
text.up        | k up           |        | texts |
    One line up.
text.first     | g home         |        | texts |
    Go to the beginning.
text.last      | G end          |        | texts |
    Go to the end.
text.page_down | pagedown space |        | texts |
    One page down.
text.page_up   | pageup         |        | texts |
    One page up.

# dialogs
dialog.yes       | y ctrl+s | yes | dialogs |
    Confirm; for more than 50 jobs only `tab` to the button and `enter`.
dialog.no        | escape n | no  | dialogs |
    Cancel; nothing is changed.
filter.keep      | enter    |     | filter  |
    Apply the filter.
filter.leave     | escape   |     | filter  |
    Cancel; keep the previous filter.
filter.complete  | tab      |     | filter  |
    Complete.
filter.older     | up       |     | filter  |
    Previous filter of the history.
filter.newer     | down     |     | filter  |
    Next filter of the history.
palette.run      | enter    |     | palette |
    Run what is under the cursor.
palette.leave    | escape   |     | palette |
    Close.
palette.complete | tab      |     | palette |
    Complete, with what is typed or what is under the cursor.
palette.next     | down     |     | palette |
    Next entry.
palette.previous | up       |     | palette |
    Previous entry; above the first one, the history.

# everywhere
show_overview   | 1               |      | everywhere        |
    Show the incidents and the charts.
show_queues     | 2               |      | everywhere        |
    Show the queues.
show_workers    | 3               |      | everywhere        |
    Show the workers.
show_failed     | 4               |      | everywhere        |
    Show the failed jobs.
show_scheduled  | 5               |      | everywhere        |
    Show the delayed jobs and the schedules.
show_local      | 6               |      | everywhere        |
    Show the workers that were started here.
show_history    | 7               |      | everywhere        |
    Show what was done and by whom; undo it.
next_place      | 0               |      | everywhere        |
    Switch between all queue systems together and each alone.
faster          | + =             |      | everywhere -local |
    Faster refresh.
slower          | -               |      | everywhere -local |
    Slower refresh.
palette         | colon           |      | everywhere        |
    Open the command line: actions, screens with a filter, queues, themes, profiles, doctor.
choose_theme    | T               |      | everywhere        |
    Choose a colour theme, with a live preview.
reveal          | S               |      | everywhere        |
    Show or hide passwords, tokens and other secrets.
repaint         | ctrl+l          |      | everywhere        |
    Redraw the screen.
help            | ?               | help | everywhere        |
    Show the keys: those of this screen first.
suspend_process | ctrl+z          |      | everywhere        |
    Suspend to the shell; `fg` returns.
quit            | q ctrl+c ctrl+q | quit | everywhere        |
    Quit; ctrl+c and ctrl+q close a question, filter or command line first.
""")
"""The actions by the headings above."""

ACTIONS: Final = tuple(chain.from_iterable(SECTIONS.values()))
"""In the order in which the footer says them."""

SCREENS: Final[dict[Where, str]] = {
    _PLACES[action.id.removeprefix("show_")]: action.keys[0]
    for action in SECTIONS["everywhere"]
    if action.id.startswith("show_")
}
"""The screens that a digit shows, in the order of the digits."""


# Other words, for the command line.

#: By the action's id; also the words of other tools.
SYNONYMS: Final = {
    "show_overview": "incidents problems alerts home dashboard",
    "show_queues": "backlog",
    "show_workers": "processes fleet",
    "show_failed": "failures errors exceptions retry requeue",
    "show_scheduled": "delayed cron recurring later",
    "show_local": "logs own here",
    "show_history": "audit log who undo trail",
    "next_place": "systems all sidekiq resque places",
    "open_runs": "metrics stats statistics processed durations percentiles latency",
    "choose_theme": "theme colours colors light dark mode",
    "reveal": "secrets passwords redact hide unhide",
    "repaint": "redraw refresh",
    "faster": "interval refresh rate speed",
    "slower": "interval refresh rate speed",
    "help": "keys manual shortcuts bindings",
    "quit": "exit leave q!",
    "suspend_process": "background shell fg bg",
    "freeze": "hold still stop",
    "preview": "pane detail side",
    "undo": "revert rollback take back",
    "requeue": "retry rerun again replay",
    "quarantine": "poison isolate kills its worker",
    "acknowledge": "ack mute silence",
    "requeue_all": "retry rerun again replay bulk",
    "put_back": "retry rerun requeue",
    "put_back_matching": "retry rerun requeue bulk",
    "kill": "dead bury",
    "kill_all": "dead bury bulk",
    "kill_delayed": "dead bury",
    "kill_matching": "dead bury bulk",
    "postpone": "retry later reschedule delay",
    "postpone_all": "retry later reschedule delay bulk",
    "move_all": "requeue other queue bulk",
    "reschedule_matching": "later postpone delay bulk",
    "delete": "remove discard purge drop",
    "delete_all": "remove discard purge drop bulk",
    "delete_jobs": "remove discard purge drop",
    "delete_matching": "remove discard purge drop bulk",
    "clear_queue": "empty purge flush truncate",
    "clear_failures": "empty purge flush truncate",
    "remove_queue": "delete drop",
    "move_jobs": "transfer",
    "move_matching": "transfer bulk",
    "unfold": "open expand prefix",
    "fold": "close collapse prefix",
    "pause": "stop hold resume unpause",
    "pause_all": "stop hold resume unpause everything maintenance",
    "start_workers": "run spawn launch scale",
    "more_workers": "scale up",
    "fewer_workers": "scale down",
    "stop_worker": "kill quit terminate term",
    "pause_worker": "hold quiet resume usr2 tstp",
    "dump_worker": "threads backtrace ttin",
    "prune": "dead cleanup clean rescue lost",
    "unregister": "remove delete forget",
    "filter": "search find grep where",
    "clear_filter": "reset all back",
    "copy": "yank clipboard",
    "copy_ticket": "report evidence issue jira samples",
    "next_sort": "order by",
    "choose_columns": "columns fields hide show width",
    "edit": "change payload arguments",
    "edit_all": "change arguments bulk replace set",
    "edit_job": "change payload arguments",
    "edit_matching": "change arguments bulk replace set",
    "export": "export write save dump file download",
    "export_jobs": "export write save dump file download",
}

#: Other names of screens.
OTHER_NAMES: Final = {
    "queue": "queues",
    "worker": "workers",
    "failures": "failed",
    "delayed": "scheduled",
}

_ACTING = "console demo doctor enqueue load register reorder scheduler server watch worker"
_TELLING = "audit find metrics settings show stats"
#: Commands of `qtop` for the shell that have no key.
COMMANDS: Final = frozenset(f"{_ACTING} {_TELLING}".split())


# Rebinding: what can be a key, and which keys would mean two things on one screen.

Rebound = Mapping[str, tuple[str, ...]]
"""The keys of rebound actions, by the action's id."""

_WITH_NAMES: Final = (
    *("enter", "escape", "space", "tab", "shift+tab", "backspace", "delete", "insert"),
    *("home", "end", "pageup", "pagedown", "up", "down", "left", "right"),
)
_NUMBERED: Final = re.compile(r"f([1-9]|1[0-2])|ctrl\+[a-z]")
ALLOWED: Final = (
    'use a character like "r", "R" or "?", or a name: '
    f"{', '.join(_WITH_NAMES)}, f1 to f12, ctrl+a to ctrl+z"
)
#: Characters for which the table uses Textual's names.
_NAMES: Final = {"/": "slash", ":": "colon", " ": "space", ",": "comma"}


def is_key(text: str) -> bool:
    """Whether this is the name of a key that a terminal can send."""
    is_character = len(text) == 1 and text.isascii() and text.isprintable()
    return is_character or text in _WITH_NAMES or _NUMBERED.fullmatch(text) is not None


def key_name(key: str) -> str:
    """The name of a key in the table of keys."""
    return _NAMES.get(key, key)


def with_keys(actions: Iterable[Action], rebound: Rebound) -> list[Action]:
    """The actions, those that were rebound with their new keys."""
    return [
        replace(action, keys=rebound[action.id]) if action.id in rebound else action
        for action in actions
    ]


def clashes(
    actions: Collection[Action], rebound: Rebound, screens: Iterable[Collection[Where]]
) -> list[tuple[str, str]]:
    """Keys that would mean two things on a screen; `screens` has the places of each. Returns for
    each clash the id of a rebound action and a sentence."""
    found: dict[tuple[str, str], None] = {}
    now = with_keys(actions, rebound)
    for places in screens:
        taken: dict[str, Action] = {}
        for action in now:
            if not action.works_in(places):
                continue
            for key in action.keys:
                other = taken.setdefault(key, action)
                if other is not action:
                    ids = sorted((other.id, action.id), key=lambda each: each not in rebound)
                    found[ids[0], f"the key {key!r} is that of {ids[1]}, too"] = None
    return list(found)


def typed_in_fields(actions: Iterable[Action], rebound: Rebound) -> list[tuple[str, str]]:
    """Rebound keys of a filter's field that are text there; the result is that of `clashes`."""
    return [
        (action.id, f"{key!r} is typed there as text: use a key with a name")
        for action in actions
        if "filter" in action.where
        for key in rebound.get(action.id, ())
        if len(key) == 1 or key in _NAMES.values()
    ]


# The actions of a place, and how their keys are written.

#: Gives the key of an action, by the action's id, for a sentence.
Sign = Callable[[str], str]


_AS_IN_TABLE: Final[Rebound] = {}
_KEYS: Final = {action.id: action.keys for action in ACTIONS}
_SIGNS: Final = {
    "escape": "esc",
    "down": "Down",
    "up": "Up",
    "comma": ",",
    "pagedown": "PgDn",
    "pageup": "PgUp",
    "slash": "/",
    "colon": ":",
    "home": "Home",
    "end": "End",
}


def key_sign(key: str) -> str:
    """How a key is written for people."""
    return _SIGNS.get(key, key)


def sign(action_id: str, rebound: Rebound = _AS_IN_TABLE, *, in_text: bool = False) -> str:
    """The first key of an action, as it is written for people. With `in_text` the first one that is
    no character: where text is typed. Raises KeyError for an unknown action."""
    keys = rebound.get(action_id) or _KEYS[action_id]
    return key_sign(next((key for key in keys if in_text and len(key) > 1), keys[0]))


def signs(action: Action) -> str:
    """All keys of an action, as they are written for people."""
    return " ".join(key_sign(key) for key in action.keys)


def of(
    places: Collection[Where], *, read_only: bool = False, rebound: Rebound = _AS_IN_TABLE
) -> list[Action]:
    """The actions that work in these places, in the order of the table; with `read_only` only those
    that change nothing."""
    return [
        action
        for action in with_keys(ACTIONS, rebound)
        if action.works_in(places) and not (read_only and action.changes)
    ]


def footer(actions: Iterable[Action], on: Collection[str] = ()) -> list[tuple[str, str, str]]:
    """What the footer says: key, label and id of the actions that have a label. `on` has the ids of
    those that are switched on: their keys switch them off."""
    return [
        (key_sign(a.keys[0]), (a.id in on and a.label_on) or a.label, a.id)
        for a in actions
        if a.label
    ]

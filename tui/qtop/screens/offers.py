"""What the command line offers for what is typed in it: actions by their names and other words,
screens with a filter, queues, themes, places, profiles, saved filters. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from qtop.config.own_commands import OwnCommand
from qtop.keymap import keymap
from qtop.keymap.keymap import COMMANDS, DANGERS, OTHER_NAMES, SYNONYMS, Action, Where
from qtop.monitor.incidents.incident import Link
from qtop.monitor.rows import QueueRow
from qtop.search.filter_language import BadFilter, parse
from qtop.search.saved_filters import expanded
from qtop.text.safe import safe
from qtop.widgets.filter_input import ValuesOf, completion

Verb = Literal["theme", "profile", "place", "filter", "doctor", "own"]


class VerbCall(NamedTuple):
    """A command of the line that is no action, and the name that it is about."""

    verb: Verb
    name: str = ""


#: What is chosen: an action here, a place to go to, a command of the line.
CommandChoice = Action | Link | VerbCall


class Offer(NamedTuple):
    """One line of what is offered.

    Attributes:
        text: What the line says when it is completed.
        help: What it does: a sentence.
        choice: What is chosen by it; None where more is to be typed.
        key: The key that does the same.
        safety: What comes before it.
    """

    text: str
    help: str
    choice: CommandChoice | None = None
    key: str = ""
    safety: str = ""


@dataclass(frozen=True, slots=True)
class Offerable:
    """All that can be offered now.

    Attributes:
        actions: What can be done on the screen in front.
        elsewhere: The other actions: each leads to the screen where it works.
        queues: The rows of the queues that are known.
        themes: The names of the colours.
        profiles: Those of the settings file.
        places: The labels of the places that are watched, where there are several.
        saved: The filters of the settings, by their names.
        commands: The commands of the settings that work on the screen in front.
        has_list: The screen in front is a list, which can be filtered.
        values_of: Gives the values to complete a filter with.
    """

    actions: Sequence[Action] = ()
    elsewhere: Sequence[Action] = ()
    queues: Sequence[QueueRow] = ()
    themes: Sequence[str] = ()
    profiles: Sequence[str] = ()
    places: Sequence[str] = ()
    saved: Mapping[str, str] = field(default_factory=dict)
    commands: Sequence[OwnCommand] = ()
    has_list: bool = False
    values_of: ValuesOf = lambda name: ()


#: The commands of the line that are no actions: other words for them, and what they do.
VERBS: Final[Mapping[Verb, tuple[str, str]]] = {
    "theme": ("colours colors light dark", "Change the colour theme."),
    "profile": ("connect switch server environment", "Switch to another profile of the settings."),
    "place": ("system resque sidekiq all", "Show one queue system, or all."),
    "filter": ("saved search where", "Filter the list, also by a saved filter."),
    "doctor": ("check health diagnose wrong", "Check the server, rights and fleet; with remedies."),
}
_VERB_NAMES: Final[Mapping[str, Verb]] = {
    "theme": "theme",
    "profile": "profile",
    "place": "place",
    "system": "place",
    "filter": "filter",
    "doctor": "doctor",
}
#: The screen on which the actions of a place are, where that is another one.
_SCREEN_OF: Final[Mapping[Where, Where]] = {
    **dict.fromkeys(("jobs", "job", "aside"), "queues"),
    **dict.fromkeys(("worker", "hosts", "running"), "workers"),
    "incident": "overview",
    **dict.fromkeys(("group", "failure"), "failed"),
    **dict.fromkeys(("delayed", "schedule"), "scheduled"),
    **dict.fromkeys(("log",), "local"),
    **dict.fromkeys(("action", "runs"), "history"),
}
_MOST_QUEUES: Final = 50


def offers(known: Offerable, text: str) -> list[Offer]:
    """What is offered for a text, the best first. O(actions + queues)."""
    line = text.strip().removeprefix(":").lstrip()
    word, _, rest = line.partition(" ")
    found = [*_of_verb(known, word.casefold(), rest.strip()), *_of_screen(line, known.saved)]
    here = [_of_action(each) for each in matching(known.actions, line)]
    away = list(filter(None, map(_of_other, matching(known.elsewhere, line)))) if line else []
    return [*_own(known.commands, line), *found, *here, *_verbs_named(line), *away]


def completed(known: Offerable, text: str) -> str | None:
    """The text with its last word completed, within a filter; None when nothing fits."""
    line = text.lstrip()
    word, blank, _ = line.removeprefix(":").partition(" ")
    is_filter = word.casefold() == "filter" or _screen_named(word) is not None
    return completion(text, known.values_of) if blank and is_filter else None


def matching(actions: Sequence[Action], text: str) -> list[Action]:
    """The actions whose words contain each typed word, one that is called so first; then those of
    which only a synonym does."""
    words = text.casefold().split()
    wanted = " ".join(words)
    own = {
        each.id: f"{name_of(each)} {each.help} {each.label} {keymap.signs(each)}".casefold()
        for each in actions
    }
    named = [each for each in actions if all(word in own[each.id] for word in words)]
    named.sort(key=lambda each: name_of(each) != wanted)
    called = [
        each
        for each in actions
        if all(word in f"{own[each.id]} {SYNONYMS.get(each.id, '')}" for word in words)
    ]
    return [*named, *(each for each in called if each not in named)]


def name_of(action: Action) -> str:
    """What an action is called in the line."""
    return action.id.removeprefix("table.").removeprefix("text.").replace("_", " ")


def place_of(text: str, saved: Mapping[str, str] = MappingProxyType({})) -> Link | None:
    """Where to go, for a screen's name and a filter, such as `failed class:Mail`; None when it is
    not both. `saved` has the filters that it may name."""
    name, _, wanted = text.strip().partition(" ")
    place = _screen_named(name)
    if place is None or place == "overview" or not wanted.strip():
        return None
    try:
        return Link(place, filter=parse(expanded(wanted, saved)).text)
    except BadFilter:
        return None


def nothing_word(text: str, saved: Mapping[str, str] = MappingProxyType({})) -> str:
    """What is said where nothing matches; `saved` is as of `place_of`."""
    name, _, wanted = text.strip().removeprefix(":").partition(" ")
    if wanted and (_screen_named(name) is not None or name == "filter"):
        try:
            parse(expanded(wanted, saved))
        except BadFilter as error:
            return safe(str(error))
    word = name.casefold()
    if word in COMMANDS:
        return f"That is a shell command: see qtop {word} --help."
    if wanted and word in _VERB_NAMES:
        return f"No {word} of that name."
    return "No match; ? lists all keys, / filters a list."


def _screen_named(word: str) -> Where | None:
    name = OTHER_NAMES.get(word.casefold(), word.casefold())
    return next((each for each in keymap.SCREENS if each == name), None)


def _of_screen(line: str, saved: Mapping[str, str]) -> Iterator[Offer]:
    """A screen alone, or filtered."""
    link = place_of(line, saved)
    if link is not None:
        yield Offer(line, f"Show {link.place}, filtered by: {safe(link.filter)}", link)
        return
    place = _screen_named(line)
    if place is not None:
        yield Offer(line, f"Show {place}.", Link(place), keymap.SCREENS[place])


def _of_verb(known: Offerable, word: str, rest: str) -> Iterator[Offer]:
    """What the first word asks for with the others."""
    if word in ("queue", "queues") and rest:
        yield from _of_queues(known.queues, rest)
    verb = _VERB_NAMES.get(word)
    if verb is None:
        return
    finders: Mapping[Verb, Callable[[], Iterable[Offer]]] = {
        "theme": lambda: _named(verb, word, known.themes, rest, "Colours"),
        "profile": lambda: _named(verb, word, known.profiles, rest, "Profile"),
        "place": lambda: _named(verb, word, known.places, rest, "Show"),
        "filter": lambda: _of_filters(known, rest),
        "doctor": lambda: [Offer("doctor", VERBS["doctor"][1], VerbCall("doctor"))],
    }
    yield from finders[verb]()


def _named(verb: Verb, word: str, names: Iterable[str], rest: str, what: str) -> Iterator[Offer]:
    """Those of the names that hold the rest; one that is called so first."""
    low = rest.casefold()
    found = [name for name in names if low in name.casefold()]
    found.sort(key=lambda name: (name.casefold() != low, not name.casefold().startswith(low)))
    for name in found:
        yield Offer(f"{word} {safe(name)}", f"{what}: {safe(name)}", VerbCall(verb, name))


def _of_queues(rows: Sequence[QueueRow], rest: str) -> Iterator[Offer]:
    low = rest.casefold()
    found = [row for row in rows if low in row.name.casefold()]
    found.sort(key=lambda row: (row.name.casefold() != low, row.name))
    for row in found[:_MOST_QUEUES]:
        of = f" of {safe(row.system)}" if row.system else ""
        link = Link("queues", row.key, system=row.system)
        yield Offer(f"queue {safe(row.name)}", f"Go to queue {safe(row.name)}{of}.", link)


def _of_filters(known: Offerable, rest: str) -> Iterator[Offer]:
    """The saved filters that hold the rest in their names, then the rest as a filter."""
    if not known.has_list:
        return
    for name, wanted in known.saved.items():
        if rest.casefold() in name.casefold():
            yield Offer(f"filter {name}", f"Filter by: {safe(wanted)}", VerbCall("filter", wanted))
    try:
        wanted = parse(expanded(rest, known.saved)).text
    except BadFilter:
        return
    if wanted and wanted not in known.saved:
        yield Offer(f"filter {wanted}", f"Filter by: {safe(wanted)}", VerbCall("filter", wanted))


def _verbs_named(line: str) -> Iterator[Offer]:
    """The commands of the line that are called so, or alike, for which a name is to be typed."""
    words = line.casefold().split()
    for verb, (synonyms, help) in VERBS.items():
        if line.casefold() in _VERB_NAMES or not all(w in f"{verb} {synonyms}" for w in words):
            continue
        choice = VerbCall("doctor") if verb == "doctor" else None
        yield Offer(verb, help, choice)


def _own(commands: Sequence[OwnCommand], line: str) -> Iterator[Offer]:
    """The commands of the settings whose names begin so."""
    for each in commands:
        if line and each.name.casefold().startswith(line.casefold()):
            help = f"Run {' '.join(map(safe, each.run))}"
            key = keymap.key_sign(each.key)
            yield Offer(each.name, help, VerbCall("own", each.name), key)


def _of_action(action: Action) -> Offer:
    # The table's words are Markdown, for the README.
    safety = DANGERS[action.danger].replace("`", "")
    return Offer(name_of(action), action.help, action, keymap.signs(action), safety)


def _of_other(action: Action) -> Offer | None:
    """An action of another screen: leads there; None where no screen is its own."""
    places = (_SCREEN_OF.get(place, place) for place in action.where)
    place = next((each for each in places if each in keymap.SCREENS), None)
    if place is None:
        return None
    help = f"Go to {place.capitalize()}, where {keymap.signs(action)} does this: {action.help}"
    return Offer(name_of(action), help, Link(place))

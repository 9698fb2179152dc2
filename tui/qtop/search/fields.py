"""The fields that filters test, and the tests that a filter consists of. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, Final

from qtop.model.fleet import ListedSchedule, RunningJob
from qtop.model.job import Job
from qtop.search.days import DayBounds, MomentOf
from queuecore.active_job import unwrapped
from queuecore.codec import value_at
from queuecore.digests import sha1_hex
from queuecore.values import value as value_class

#: Characters of an entry that cannot be read in which words are looked for.
_RAW_BYTES: Final = 65_536


@value_class
class Subject:
    """What a filter is matched with. None is what there is not.

    Attributes:
        class_name: The class, taken out of ActiveJob's wrapper, and so are `args`.
        due_s: Seconds until a delayed job is due; negative when it is overdue.
        id: The identity of an entry, SHA-1 in hex.
        words: Further texts in which words are looked for.
        is_readable: Whether what is None is absent; otherwise it is unknown.
        serves: The queues that a worker takes from; none when it is dead.
        lists: Those that its list means, dead or alive.
        system: What its place is called.
        jid: The id that its system gave it; `state`: how far it is, in its system's words; `tags`:
            what its application called it.
        failed_at_s: When it failed, in seconds since the epoch; `due_at_s`: when it is due.
        at_s: The time that its list is about: when it failed, is due, or was done.
        waiting: Of a queue, how many jobs wait in it; `workers`: how many take from it; `running`:
            how many of its jobs they run.
    """

    class_name: str | None = None
    args: Any = None
    exception: str | None = None
    error: str | None = None
    queue: str | None = None
    worker: str | None = None
    age_s: float | None = None
    due_s: float | None = None
    is_retried: bool | None = None
    id: str = ""
    words: tuple[str, ...] = ()
    is_readable: bool = True
    serves: Collection[str] = ()
    lists: Collection[str] = ()
    system: str | None = None
    jid: str | None = None
    state: str | None = None
    tags: tuple[str, ...] = ()
    failed_at_s: float | None = None
    due_at_s: float | None = None
    at_s: float | None = None
    waiting: int | None = None
    workers: int | None = None
    running: int | None = None


def of_job(job: Job, now: datetime | None, system: str = "") -> Subject:
    """A job as filters see it. `now` is an aware datetime, by the server's clock; None where no
    filter asks about times: these are then left out. `system` is what its system is called where
    there is only one. Of a job that cannot be read, words find its beginning and the reason; of
    others also their jid and tags. O(bytes)."""
    item, problem, age_s, due_s = job.item, job.problem, None, None
    failed_at_s = due_at_s = None
    if now is not None:
        if job.failed_at is not None:
            age_s = (now - job.failed_at).total_seconds()
            failed_at_s = job.failed_at.timestamp()
        if job.due is not None:
            due_at_s = job.due.at
            due_s = due_at_s - now.timestamp()
    words = job.tags if job.jid is None else (job.jid, *job.tags)
    if problem is not None:
        words = problem, item.raw[:_RAW_BYTES].decode("utf-8", "surrogateescape")
    # By their places: by their names it takes twice as long.
    return Subject(
        *(*job.unwrapped, job.exception, job.error, job.queue, job.worker, age_s, due_s),
        *(job.is_retried, item.sha, words, problem is None),
        system=job.system or system or None,
        jid=job.jid,
        state=job.state,
        tags=job.tags,
        failed_at_s=failed_at_s,
        due_at_s=due_at_s,
        at_s=due_at_s if failed_at_s is None else failed_at_s,
    )


def of_running(job: RunningJob, worker: str) -> Subject:
    """A job that a worker runs as filters see it. Its id is the one it had in its queue."""
    name, args = unwrapped(job.class_name, job.args)
    return Subject(
        class_name=name,
        args=args,
        queue=job.queue,
        worker=worker,
        id="" if job.payload is None else sha1_hex(job.payload),
        words=tuple(filter(None, (job.problem, job.jid))),
        is_readable=job.problem is None,
        jid=job.jid,
        state="running",
    )


def of_schedule(schedule: ListedSchedule) -> Subject:
    """A schedule as filters see it: words find its name and what it is for."""
    return Subject(
        class_name=schedule.class_name,
        args=schedule.args,
        queue=schedule.queue,
        words=(
            schedule.name,
            schedule.description if schedule.is_usable else schedule.problem or "",
        ),
        is_readable=schedule.is_usable,
        system=schedule.system or None,
    )


#: Asks a text. Its `literal`, if it has one, is what such a text of ASCII holds, in any case where
#: this is in lower case, but as it is where `keeps_case` is true.
Wanted = Callable[[str], bool]
#: So many are worth a look for them.
_LETTERS: Final = re.compile(r"[A-Za-z0-9]{3,}")


@value_class
class Term:
    """A part of a filter.

    Attributes:
        of: The attribute of a subject that it asks about; empty when it asks about several.
        ask: Asks a value of this attribute, of a subject that can be read.
        test: Asks a subject; None when it cannot be known.
        letters: Of a term about any text, or about an id: a text as is wanted has these letters and
            digits, in any case, if it is of ASCII.
        keeps_case: It has them as they are.
    """

    of: str
    ask: Callable[[Any], bool | None]
    test: Callable[[Subject], bool | None]
    letters: str = ""
    keeps_case: bool = False


def _letters_of(wanted: Wanted) -> tuple[str, bool]:
    """What a text that is wanted has, and whether in this case: see `Term`."""
    found = _LETTERS.findall(getattr(wanted, "literal", ""))
    return max(found, key=len, default=""), getattr(wanted, "keeps_case", False)


def field(asked: Field, wanted: Wanted) -> Term:
    """Whether a field is as wanted; an absent one is an empty text."""

    def ask(value: Any) -> bool:
        return wanted("" if value is None else asked.text(value))

    def test(subject: Subject) -> bool | None:
        value = getattr(subject, asked.of)
        return None if value is None and not subject.is_readable else ask(value)

    return Term(asked.of, ask, test, *_letters_of(wanted))


def argument(path: Sequence[str], wanted: Wanted) -> Term:
    """Whether there is an argument at the end of a path that is as wanted."""

    def ask(value: Any) -> bool:
        for step in path:
            if isinstance(value, dict) and step in value:
                value = value[step]
            elif isinstance(value, list) and step.isdecimal() and len(step) < 10:
                if int(step) >= len(value):
                    return False
                value = value[int(step)]
            else:
                return False
        return wanted(text_of(value))

    def test(subject: Subject) -> bool | None:
        return ask(subject.args) if subject.is_readable else None

    return Term("args", ask, test, *_letters_of(wanted))


def span(what: str, sign: str, seconds: float) -> Term:
    """Whether the `age` of something is more or less than so many seconds; or whether a delayed job
    is `due` within them (also when overdue), or later."""

    def ask(value: Any) -> bool | None:
        if value is None:
            return None
        is_equal = value == seconds and "=" in sign
        return is_equal or (value > seconds if sign[0] == ">" else value < seconds)

    of = f"{what}_s"
    return Term(of, ask, lambda subject: ask(getattr(subject, of)))


def compared(of: str, sign: str, number: float) -> Term:
    """Whether a figure is more or less than a number, or is it (`=`)."""

    def ask(value: Any) -> bool | None:
        if value is None:
            return None
        is_equal = value == number and "=" in sign
        return is_equal or (value > number if sign[0] == ">" else value < number and sign[0] == "<")

    return Term(of, ask, lambda subject: ask(getattr(subject, of)))


def on_day(what: str, bounds: DayBounds) -> Term:
    """Whether something `failed`, or is `due`, on a day."""
    of = f"{what}_at_s"

    def ask(value: Any) -> bool | None:
        if value is None:
            return None
        first_s, end_s = bounds()
        return bool(first_s <= value < end_s)

    return Term(of, ask, lambda subject: ask(getattr(subject, of)))


def since(moment: MomentOf) -> Term:
    """Whether the time of something is this moment, or later."""

    def ask(value: Any) -> bool | None:
        return None if value is None else bool(value >= moment())

    return Term("at_s", ask, lambda subject: ask(subject.at_s))


def readable(is_wanted: bool) -> Term:
    """Whether an entry can be read: the one thing that is known of those that cannot."""
    return _of_several(lambda subject: subject.is_readable is is_wanted)


def queues(what: str, wanted: Wanted) -> Term:
    """Whether a worker `serves` a queue whose name is as wanted, or only `lists` it."""
    return _of_several(
        lambda subject: any(map(wanted, subject.serves if what == "serves" else subject.lists))
    )


def retried(is_wanted: bool) -> Term:
    """Whether a failure was requeued and kept."""

    def ask(value: Any) -> bool | None:
        return None if value is None else value is is_wanted

    return Term("is_retried", ask, lambda subject: ask(subject.is_retried))


def identity(beginning: str) -> Term:
    """Whether an entry's id begins so: that of its bytes, or that which its system gave it."""
    low = beginning.lower()

    def ask(value: Any) -> bool:
        return bool(low) and value.startswith(low)

    def test(subject: Subject) -> bool:
        return ask(subject.id) or (subject.jid is not None and ask(subject.jid.lower()))

    return Term("id", ask, test, low)


def tagged(wanted: Wanted) -> Term:
    """Whether one of a job's tags is as wanted."""

    def ask(value: Any) -> bool:
        return any(map(wanted, value))

    def test(subject: Subject) -> bool | None:
        return ask(subject.tags) if subject.is_readable else None

    return Term("tags", ask, test)


def anywhere(wanted: Wanted) -> Term:
    """Whether any text of a subject is as wanted."""

    def test(subject: Subject) -> bool | None:
        for part in (subject.class_name, subject.exception, subject.error, subject.queue):
            if part is not None and wanted(part):
                return True
        for part in subject.words:
            if wanted(part):
                return True
        if subject.args is not None and wanted(text_of(subject.args)):
            return True
        # What is not in the readable part of an entry may be in the other.
        return False if subject.is_readable else None

    return _of_several(test, *_letters_of(wanted))


def _of_several(
    test: Callable[[Subject], bool | None], letters: str = "", keeps_case: bool = False
) -> Term:
    return Term("", lambda value: None, test, letters, keeps_case)


def negated(term: Term) -> Term:
    """The opposite; what is unknown stays so."""

    def opposite(answer: bool | None) -> bool | None:
        return None if answer is None else not answer

    return Term(
        term.of,
        lambda value: opposite(term.ask(value)),
        lambda subject: opposite(term.test(subject)),
    )


@value_class
class Contains:
    """Asks whether a text holds another one, which is casefolded, in any case."""

    literal: str

    def __call__(self, text: str) -> bool:
        return self.literal in text.casefold()


def contains(value: str) -> Wanted:
    """Asks whether a text holds a value, in any case."""
    return Contains(value.casefold())


@value_class
class Exactly:
    """Asks whether a text is this one."""

    literal: str
    keeps_case = True

    def __call__(self, text: str) -> bool:
        return text == self.literal


def is_exactly(value: str) -> Wanted:
    """Asks whether a text is a value."""
    return Exactly(value)


@value_class
class NamePattern:
    """Asks whether a text begins with the first of these pieces, ends with the last, and holds the
    others between them, in their order. Cost: O(text)."""

    pieces: tuple[str, ...]
    literal: str
    keeps_case = True

    def __call__(self, text: str) -> bool:
        first, *middle, last = self.pieces
        if len(text) < len(first) + len(last) or not text.startswith(first):
            return False
        at, end = len(first), len(text) - len(last)
        for piece in middle:
            found = text.find(piece, at, end)
            if found < 0:
                return False
            at = found + len(piece)
        return text.endswith(last)


def matches_name(value: str) -> Wanted:
    """Asks whether a text is the value, in which `*` matches anything. Cost: O(text)."""
    pieces = tuple(value.split("*"))
    return NamePattern(pieces, max(pieces, key=len)) if len(pieces) > 1 else Exactly(value)


@value_class
class Argument:
    """Asks whether a text is as `by_name` asks, or a number equal to this one."""

    by_name: Wanted
    number: int | float | None
    literal: str
    keeps_case = True

    def __call__(self, text: str) -> bool:
        return self.by_name(text) or (self.number is not None and _number(text) == self.number)


def names_system(value: str) -> Wanted:
    """Asks whether a label is the value, or begins with it as a word: `sidekiq` is that of all
    places of Sidekiq's. `*` matches anything."""
    by_name, first = matches_name(value), re.compile(re.escape(value) + r"\b") if value else None
    return lambda text: by_name(text) or (first is not None and first.match(text) is not None)


def matches_argument(value: str) -> Wanted:
    """As `matches_name`; a number also when it is spelled in another way (`5` for `5.0`)."""
    by_name, number = matches_name(value), _number(value)
    # The digits of a number may be others where it is spelled.
    return Argument(by_name, number, getattr(by_name, "literal", "") if number is None else "")


def _number(text: str) -> int | float | None:
    if not text[:1].isdecimal() and text[:1] != "-":
        return None
    try:
        value, end = value_at(text, 0)
    except ValueError:
        return None
    return value if end == len(text.rstrip(" \t\r\n")) else None


def _json_writer() -> Callable[[Any], str]:
    """What writes JSON. A `JSONEncoder` makes one in C for each text, which takes longer than to
    write a job's arguments."""
    usual = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
    make: Any = vars(json.encoder)["c_make_encoder"]
    if make is None:
        return usual.encode
    escape = json.encoder.encode_basestring
    in_c = make(None, usual.default, escape, None, ":", ",", False, False, True)
    return lambda value: "".join(in_c(value, 0))


_AS_JSON: Final = _json_writer()


def text_of(value: Any) -> str:
    """A value as people write it: a text as it is, anything else as JSON. Never raises."""
    if isinstance(value, str):
        return value
    try:
        return _AS_JSON(value)
    except (ValueError, TypeError, RecursionError):
        return ""


@value_class
class Field:
    """A part of a subject that has a name: the attribute, what a bare value asks of it, and its
    text."""

    of: str
    plain: Callable[[str], Wanted]
    text: Callable[[Any], str] = str


FIELDS: Final = {
    "class": Field("class_name", matches_name),
    "exception": Field("exception", matches_name),
    "queue": Field("queue", matches_name),
    "worker": Field("worker", contains),
    "error": Field("error", contains),
    "args": Field("args", contains, text_of),
    "system": Field("system", names_system),
    "jid": Field("jid", matches_name),
    "state": Field("state", contains),
}

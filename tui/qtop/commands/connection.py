"""Which Redis a command talks to, and what else options, environment and settings file say."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import click

from qtop.commands.options import (
    F,
    filter_option,
    json_option,
    limit_option,
    redact_option,
    settings_in_force,
)
from qtop.commands.output import Listing, OutputColumn, leave, message
from qtop.commands.progress import ProgressLine
from qtop.commands.repeating import watchable
from qtop.commands.signals import at_first_signal
from qtop.config.settings import (
    ALL,
    SYSTEMS,
    Settings,
)
from qtop.systems.runner import open_system
from qtop.text.redact import OPEN, Redactor
from qtop.text.safe import safe
from queuecore.address import parse_url
from queuecore.errors import BadOption, NotRedis, QueueError, StoreError
from queuecore.exchange import Exchange, Operation, drive

if TYPE_CHECKING:
    from qtop.actions.plan import Operator, Outcome, Plan
    from qtop.actions.request import Request
    from qtop.config.places import PlaceOptions
    from qtop.model.job import JobSource
    from qtop.systems.finding import Sought
    from qtop.systems.system import Ability
    from queuecore.ahead import AheadStore

T = TypeVar("T")


def listing_options(default_limit: int = 0) -> Callable[[F], F]:
    """As `connection_options`, and `--filter`, `--limit`, `--json`, `--redact` and `--watch`."""

    def decorate(command: F) -> F:
        shown = json_option(redact_option(watchable(command)))
        return connection_options(filter_option(limit_option(default_limit)(shown)))

    return decorate


# A command's connection to Redis: runs operations, refuses changes, shows how far it is.

#: What reading an answer raises when it is none that Redis gives.
_NONSENSE: Final = (TypeError, ValueError, AttributeError, LookupError, AssertionError)
_TIMEOUT_S: Final = 10.0
#: What does what a key of the console does, where a text speaks of that key.
_COMMANDS: Final = {"undo": "`qtop undo`", "pause_all": "`qtop resume --all`"}


class ChangeRefused(QueueError):
    """A change was asked for with --read-only. Nothing was done."""


class Session:
    """One Redis and one namespace, for the length of a command.

    It uses the worker's light connection, which is open before the larger client would be
    imported. Close it at the end.
    """

    def __init__(
        self,
        url: str,
        connection: Connection,
        *,
        timeout_s: float = _TIMEOUT_S,
        store: AheadStore | None = None,
    ) -> None:
        # Imported here: settings are shown, and workers begin, without it.
        from queuecore.ahead import AheadStore

        self.address = parse_url(url)
        self.undo_limits = connection.settings.undo_limits
        self.label, self.is_among = connection.label, connection.is_among
        #: The system that was named or found there.
        self.kind = connection.system
        self._url, self._connection = url, connection
        self._store = store or AheadStore(self.address, timeout_s=timeout_s, client_name="qtop")
        self._warned = False
        #: Makes a system that remembers nothing yet.
        self.new_system = functools.partial(
            open_system,
            self.address,
            connection.namespace,
            failures_read=0,
            warn=self._warn,
            system=connection.system,
        )
        self.system = self.new_system()
        #: Shows how far an operation is, where somebody sees it.
        self.progress = ProgressLine(connection.shows_progress)

    def beside(self, place: PlaceOptions, *, is_among: bool) -> Session:
        """A session of another place at the same address, over the same connection."""
        connection = self._connection.at(place, is_among=is_among)
        return Session(self._url, connection, store=self._store)

    def named(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """The fields of a line of JSON, with the system: see `Connection.named`."""
        return self._connection.named(fields)

    @property
    def place(self) -> PlaceOptions:
        """Where it is, with its password: for another connection to the same."""
        # Imported here: most commands have one connection.
        from qtop.config.places import PlaceOptions

        namespace = self.system.place.namespace
        return PlaceOptions(self.label, self.kind, self.address, namespace, self._url)

    def _warn(self, text: str) -> None:
        if not self._warned:
            message(f"warning: {text}")
        self._warned = True

    def run(self, operation: Operation[T], what: str = "") -> T:
        """Carry out an operation. How much of a long one is done is shown on a terminal, with
        `what` it is about.

        Raises StoreError, whose message names the address, ChangeRefused, with --read-only, and
        BelongsToSidekiq, before anything that writes is sent. Costs what the operation costs, and
        two round trips before it writes.
        """
        self.progress.begin(what)
        try:
            return drive(self.system.guarded(operation), self._one)
        except _NONSENSE as error:
            raise NotRedis(
                f"{self.address}: unexpected answer ({type(error).__name__}): check that this is "
                "Redis"
            ) from error
        finally:
            self.progress.end()

    def _one(self, exchange: Exchange[Any]) -> Any:
        self.refuse_if_read_only(exchange.writes)
        if exchange.progress is not None:
            self.progress.note(*exchange.progress)
        if not exchange.commands:
            # It only says how far an operation is, or what comes next: nothing is answered.
            return self._store.run(exchange)
        try:
            return self._store.run(exchange)
        except StoreError as error:
            if str(self.address) in str(error):
                raise
            raise type(error)(f"{self.address}: {error}") from None

    def refuse_if_read_only(self, writes: bool = True) -> None:
        """Raises ChangeRefused with --read-only."""
        if writes:
            self._connection.refuse_if_read_only()

    @cached_property
    def operator(self) -> Operator:
        """In whose name this command acts."""
        # Imported here: most commands only read.
        from qtop.actions.plan import Operator, operator_identity

        return Operator(operator_identity(), self.undo_limits, _COMMANDS.__getitem__)

    def plan(self, request: Request) -> Plan:
        """What a request would do. Leaves with status 1 and the reason when there is no plan.
        Raises StoreError. Costs as `prepare`."""
        from qtop.actions.plan import Refusal

        made = self.run(self.system.prepare(request, self.operator))
        if isinstance(made, Refusal):
            leave(made.text)
        return made

    def carry_out(self, plan: Plan) -> Outcome:
        """Do what a plan says. An interrupt (ctrl+c, or TERM) stops it between two steps: the
        outcome tells what was done, and is `stopped` even if that was all. A second interrupt ends
        it at once.

        Raises as `run`, Stopped where the plan has no outcome then, and KeyboardInterrupt.
        """
        # Imported here: most commands only read.
        from qtop.actions.plan import Throttle
        from qtop.actions.stopping import Stopped, reined

        pace = plan.pace or Throttle()

        def stop() -> None:
            pace.is_stopped = True
            self.progress.rename("stopping")

        with at_first_signal(stop):
            outcome = self.run(reined(plan.run(), pace), plan.what)
        if pace.is_stopped and outcome.stopped is None:
            # It came too late for this action; a command may have others to do.
            outcome = replace(outcome, stopped=Stopped("stopped"))
        return outcome

    def now(self) -> datetime:
        """The server's clock. One round trip. Raises StoreError."""
        return self.run(self.system.now())

    def close(self) -> None:
        self._store.close()


class SystemScope(NamedTuple):
    """The system that a command is for alone, and what is said where there is no such place."""

    system: str
    otherwise: str


class OpenPlaces:
    """The sessions of all places that a command is about, Resque's first; see
    `Connection.open_all`. `current` is that whose part of a listing is printed. `unread` is where
    others may be, and why that is unknown. `is_empty` says that no system was
    found where one was looked for."""

    def __init__(
        self,
        sessions: Sequence[Session],
        unread: Mapping[str, str] = MappingProxyType({}),
        *,
        is_empty: bool = False,
    ) -> None:
        self.sessions, self.unread, self.is_empty = tuple(sessions), unread, is_empty
        self.current = self.sessions[0]

    @property
    def is_several(self) -> bool:
        return len(self.sessions) > 1

    def able_to(self, ability: Ability) -> bool:
        """Whether one of the systems can do this."""
        return any(each.system.abilities.get(ability, "") is None for each in self.sessions)

    def only(self, scope: SystemScope) -> Session:
        """The session of the one place that a command is for. Leaves with status 1 and the reason
        where there is none. Raises BadOption where there are several."""
        found = [each for each in self.sessions if each.kind == scope.system]
        if not found:
            leave(scope.otherwise)
        return _one_of(found, "more than one place could be meant")

    def single(self, what: str) -> Session:
        """The session of the only place. Raises BadOption where there are several."""
        return _one_of(self.sessions, what)

    def holding(self, source: JobSource) -> tuple[Session, ...]:
        """The sessions of the places that may hold jobs of this list; the first one where none
        does. Where there are several places, two round trips for each."""
        if not self.is_several:
            return self.sessions
        return tuple(s for s in self.sessions if _may_hold(s, source)) or self.sessions[:1]

    def meant(self, touched: Sequence[JobSource | str], able: Ability | None = None) -> Session:
        """The session of the place that lists and queues can only be of; the first one where they
        are of none, or none is named. Of several that have them, it is that which is `able` to do
        what is asked for. Costs as `holding`. Raises BadOption where several could be meant."""
        lists = [each for each in touched if not isinstance(each, str)] or touched
        if not (self.is_several and lists):
            return self.sessions[0]
        found = [s for s in self.sessions if any(_may_hold(s, each) for each in lists)]
        if able is not None:
            found = [s for s in found if s.system.abilities.get(able, "") is None] or found
        what = " and ".join(str(each) or "''" for each in lists)
        return _one_of(found or self.sessions[:1], f"{what} is in more than one system")

    def close(self) -> None:
        for each in self.sessions:
            each.close()


def _one_of(found: Sequence[Session], what: str) -> Session:
    if len(found) == 1:
        return found[0]
    names = [each.kind for each in found]
    hints = []
    for each in found:
        place = each.system.place
        is_enough = names.count(each.kind) == 1
        more = "" if is_enough else f" --url {place.address} --namespace {place.namespace!r}"
        hints.append(f"--system {each.kind}{more}")
    raise BadOption(f"{what}: name one, {' or '.join(hints)}; nothing was changed")


def _may_hold(session: Session, source: JobSource | str) -> bool:
    """Whether a place has a queue, or jobs in a list; also where that cannot be read."""
    from qtop.model.job import FAILED, JobSource

    system = session.system
    source = JobSource("queue", source) if isinstance(source, str) else source
    try:
        if source.kind == "queue" and source.name in session.run(system.queue_names()):
            return True
        if source.kind == "failed" and source.name != FAILED:
            return source.name in session.run(system.failure_lists())
        return session.run(system.jobs(source).outline()).length > 0
    except BadOption:
        return False
    except StoreError:
        return True


#: The system whose lines of JSON do not say it, where it is alone.
_USUAL: Final = "resque"


@dataclass(frozen=True, slots=True)
class Connection:
    """What is in force. `url` is None when nothing names one: then the private server is meant.
    `is_read_only` refuses every change; `wants_redaction` is None when nothing was said;
    `shows_progress` is False where a program reads what is printed on a terminal. `place` is the
    only one that it is about, if that is known, `is_among` says that it is one of several."""

    url: str | None
    namespace: str
    is_read_only: bool = False
    settings: Settings = field(default_factory=Settings)
    wants_redaction: bool | None = None
    shows_progress: bool = True
    place: PlaceOptions | None = None
    is_among: bool = False

    @property
    def system(self) -> str:
        """The name of the queue system; the usual one as long as all are meant."""
        named = str(self.settings.values["system"]) if self.place is None else self.place.system
        return _USUAL if named == ALL else named

    @property
    def label(self) -> str:
        """What the place is called."""
        return self.system if self.place is None else self.place.label

    def at(self, place: PlaceOptions, *, is_among: bool = False) -> Connection:
        """The same for one place."""
        return replace(
            self, url=place.url, namespace=place.namespace, place=place, is_among=is_among
        )

    def named(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """The fields of a line of JSON, with the system where it is not the usual one, or one of
        several."""
        is_said = self.is_among or self.system != _USUAL
        return {"system": self.label, **fields} if is_said else fields

    def refuse_if_read_only(self) -> None:
        """Raises ChangeRefused with --read-only."""
        if self.is_read_only:
            by = self.settings.origins.get("read_only", "--read-only")
            raise ChangeRefused(f"read-only ({by}): nothing was changed")

    def redactor(self, *, is_whole: bool) -> Redactor:
        """What hides secrets in what is printed: unless told, only where it is not for programs,
        and not everything (`is_whole`)."""
        hides = not is_whole if self.wants_redaction is None else self.wants_redaction
        return self.settings.redactor if hides else OPEN

    def listing(
        self,
        places: OpenPlaces,
        columns: Sequence[OutputColumn[T]],
        fields: Callable[[T], Mapping[str, Any]],
        *,
        as_json: bool,
        limit: int = 0,
        redactor: Redactor | None = None,
    ) -> Listing[T]:
        """A listing whose secrets are hidden as `redactor` says; by default the usual one. Where
        there are several places each row says its own."""
        redactor = redactor or self.redactor(is_whole=as_json)

        def with_system(item: T) -> Mapping[str, Any]:
            return places.current.named(fields(item))

        if places.is_several:
            system: OutputColumn[T] = OutputColumn("SYSTEM", lambda _: safe(places.current.label))
            columns = (system, *columns)
        return Listing(columns, with_system, as_json=as_json, redactor=redactor, limit=limit)

    @contextmanager
    def use(self) -> Iterator[str]:
        """The URL to use; the private server is started for it when needed, and stays while
        somebody uses it. Raises NoServer when there is none to be had."""
        if self.url is not None:
            yield self.url
            return
        from queuecore.server import PrivateServer, default_folder

        with PrivateServer(default_folder(os.environ)) as private:
            yield private.ensure()

    @contextmanager
    def environment(self, what: str, variables: Mapping[str, Any]) -> Iterator[dict[str, str]]:
        """The environment of a program that replaces this process: ours, the `variables` that are
        not None, and where its jobs are. The URL is in there because other users can read
        arguments. A private server is kept until the exec; the program takes its locks itself.
        Raises BadUrl, NoServer, and BadOption with --read-only: `what` changes Redis."""
        if self.is_read_only:
            raise BadOption(f"{what} changes Redis: leave out --read-only")
        if self.system != _USUAL:
            raise BadOption(f"{what} works for {_USUAL} only, not for {self.system}")
        given = {name: str(value) for name, value in variables.items() if value is not None}
        ours = self.of_one(_USUAL)
        with ours.use() as url:
            parse_url(url)
            yield {**os.environ, **given, "REDIS_URL": url, "RESQUE_NAMESPACE": ours.namespace}

    def of_one(self, system: str) -> Connection:
        """The same, for the one place of this system where the profile names several. Raises
        BadOption where it names none, or more than one."""
        if self.place is not None or not self.settings.places:
            return self
        found = [each for each in self.settings.places if each.system == system]
        if len(found) != 1:
            many = "more than one place" if found else "no place"
            raise BadOption(f"the profile has {many} of {system}: name a --url")
        return self.at(found[0])

    @contextmanager
    def open(self) -> Iterator[Session]:
        """A session on the place that was named, else on Resque's, closed at the end. Raises BadUrl
        and NoServer; connects when something is run."""
        ours = self.of_one(self.system)
        with ours.use() as url, closing(Session(url, ours)) as session:
            yield session

    @contextmanager
    def open_all(self) -> Iterator[OpenPlaces]:
        """The sessions of all places that are meant, closed at the end: of the system that was
        named, of those of the profile, or of those that are found in the database. One round trip
        for those that are found, more where nothing was, or where all were asked for by name. What
        is to be said of them is said on stderr.

        Raises as `open`, and StoreError where nothing can be found.
        """
        with ExitStack() as stack:
            if self.settings.places and self.place is None:
                found = self._of_profile()
            elif self.place is not None or self.settings.values["system"] != ALL:
                url = stack.enter_context(self.use())
                found = OpenPlaces([Session(url, self)])
            else:
                found = self._find(stack.enter_context(self.use()))
            stack.callback(found.close)
            yield found

    @property
    def means_all(self) -> bool:
        """Whether neither a system nor a place was named: all that are there are meant."""
        return self.place is None and self.settings.values["system"] == ALL

    def named_places(self) -> tuple[PlaceOptions, ...]:
        """The places of the profile that are meant, Resque's first; none where it names none, or
        another one is meant. Raises BadOption where it has none of the system that was named."""
        if self.place is not None or not self.settings.places:
            return ()
        wanted = self.settings.values["system"]
        places = [p for p in self.settings.places if wanted in (ALL, p.system)]
        if not places:
            raise BadOption(f"the profile has no place of {wanted}")
        return tuple(sorted(places, key=lambda place: place.system != _USUAL))

    def _of_profile(self) -> OpenPlaces:
        places = self.named_places()
        connections = [self.at(place, is_among=len(places) > 1) for place in places]
        return OpenPlaces([Session(each.url or "", each) for each in connections])

    def sought(self, url: str) -> Sought:
        """Where to look for systems, as far as no place was named."""
        from qtop.systems.finding import Sought

        origin = self.settings.origins.get("namespace")
        # Its variable says where Resque is, and nothing of others.
        is_named = origin is not None and origin != SYSTEMS[_USUAL][1]
        return Sought(parse_url(url), self.namespace, is_named, url=url)

    def _find(self, url: str) -> OpenPlaces:
        from qtop.systems.finding import first_look, search

        sought, first = self.sought(url), Session(url, self)
        is_asked = "system" in self.settings.origins
        try:
            found = first.run(first_look(sought))
            if found.is_empty or is_asked:
                found = first.run(search(sought, found))
        except BaseException:
            first.close()
            raise
        is_among = len(found.places) > 1
        for text in found.notes:
            message(f"note: {text}")
        for what, why in found.unread.items():
            message(f"unknown: {what}: {why}")
        sessions = [first.beside(p, is_among=is_among) for p in found.places]
        return OpenPlaces(sessions, found.unread, is_empty=found.is_empty and not found.unread)

    @contextmanager
    def open_to_change(
        self,
        *touched: JobSource | str | None,
        dry_run: bool = False,
        only: SystemScope | None = None,
        able: Ability | None = None,
    ) -> Iterator[Session]:
        """The session of the place that these lists and queues are of, for what changes them: see
        `OpenPlaces.meant`; or, for what only one system has, of its place: see `OpenPlaces.only`.
        Where nothing is named it is that of the first place. Raises ChangeRefused with --read-only,
        unless it is a `dry_run`, BadOption where more than one place could be meant, and as
        `System.admit`."""
        named = [each for each in touched if each]
        if not dry_run:
            self.refuse_if_read_only()
        with self.open_all() as places:
            session = places.meant(named, able) if only is None else places.only(only)
            admit(session, named)
            yield session


def admit(session: Session, touched: Sequence[JobSource | str]) -> None:
    """End with an error where these lists and queues are another system's. Costs and raises as
    `System.admit`."""
    names = [each if isinstance(each, str) else each.queue for each in touched]
    is_of_failures = any(not isinstance(each, str) and each.kind == "failed" for each in touched)
    session.run(session.system.admit(filter(None, names), failures=is_of_failures))


def connection_options(command: F) -> F:
    """Give a command `--url`, `--system`, `--namespace`, `--read-only` and `--profile`, handed to
    it together with what the settings file says as `connection`."""

    @click.option(
        "--url",
        envvar="REDIS_URL",
        show_envvar=True,
        help="redis://, rediss:// or unix:// URL. Default: a private server.",
    )
    @click.option(
        "--system",
        type=click.Choice([*SYSTEMS, ALL]),
        envvar="QTOP_SYSTEM",
        help="Which queue system. Default: all that are found; all: also in other namespaces.",
    )
    @click.option(
        "--namespace",
        envvar="RESQUE_NAMESPACE",
        help="Prefix of the keys. Default: resque; none for Sidekiq.",
    )
    @click.option(
        "--read-only",
        is_flag=True,
        envvar="QTOP_READ_ONLY",
        help="Read only: refuse every change.",
    )
    @click.option(
        "--profile",
        metavar="NAME",
        # Before the filter, which may name one of the profile's.
        is_eager=True,
        help="A profile of the settings file: which Redis, and how. See qtop settings --help.",
    )
    @functools.wraps(command)
    def with_connection(*args: Any, profile: str | None, **kwargs: Any) -> Any:
        context = click.get_current_context()
        settings = settings_in_force(context, profile)
        given = ("url", "system", "namespace", "read_only")
        url, _, namespace, is_read_only = (settings.values[name] for name in given)
        is_for_programs = kwargs.get("as_json", False) and sys.stdout.isatty()
        connection = Connection(
            *(url, namespace, is_read_only, settings, kwargs.get("redact")), not is_for_programs
        )
        kept = {name: kwargs[name] for name in kwargs.keys() - {*given, "redact"}}
        return command(*args, connection=connection, **kept)

    return with_connection  # type: ignore[return-value]

"""What an application declares: jobs as functions or classes, and the registry of their names.

A job travels by its registered name only. A name in Redis that no loaded module has registered
is never looked up, imported or evaluated.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from types import FunctionType

from queuecore.values import Any, ClassVar, Generic, ParamSpec, TypeVar, value
from resque import hooks
from resque.errors import ResqueError, UnknownJob

P = ParamSpec("P")
R = TypeVar("R")


@value
class Retry:
    """How often a failed job is tried again (`limit`; negative: for ever), and after how many
    seconds each time; the last of `delays_s` goes on. The keys are resque-retry's.

    Every attempt that fails is on record in `failed`. With `suppress_failures` only the last one
    is, when the job is given up; the failure of one that is tried again after a delay is kept
    beside the list for twice that time. (resque-retry: MultipleWithRetrySuppression.)"""

    limit: int = 5
    delays_s: tuple[float, ...] = (0, 60, 600, 3600, 10_800, 21_600)
    suppress_failures: bool = False


@value
class Definition:
    """One registered job: its name on the wire, its queue (None: given when enqueueing), what
    to run, the object whose attributes are its hooks, and whether it is tried again."""

    name: str
    queue: str | None
    perform: Callable[..., Any]
    owner: object
    retry: Retry | None = None


#: What a worker tells its hooks; see `Registry.on`.
WORKER_EVENTS = (
    "before_first_fork",
    "before_fork",
    "after_fork",
    "before_pause",
    "after_pause",
    "queue_empty",
    "shutdown",
    "worker_exit",
)


class Registry:
    """Names and the jobs behind them; `has_retries` says whether any of them is tried again."""

    def __init__(self) -> None:
        self._by_name: dict[str, Definition] = {}
        self._modules: dict[str, None] = {}
        self.has_retries = False
        self._worker_hooks: dict[str, list[Callable[..., Any]]] = {}

    def add(self, definition: Definition, module: str) -> None:
        """Register a job. The same module may define a name again (a reload); another module
        may not: raises ResqueError."""
        known = self._by_name.get(definition.name)
        if known is not None and _module_of(known.perform) != _module_of(definition.perform):
            raise ResqueError(
                f"the job name {definition.name!r} is taken by module "
                f"{_module_of(known.perform)!r}: give this one another name"
            )
        self._by_name[definition.name] = definition
        self._modules[module] = None
        self.has_retries |= definition.retry is not None

    def find(self, name: str) -> Definition:
        """The job registered as `name`; a leading `::` is ignored, as Ruby does. Raises
        UnknownJob, which says which modules were loaded."""
        definition = self._by_name.get(name) or self._by_name.get(name.removeprefix("::"))
        if definition is None:
            loaded = ", ".join(self._modules) or "none: name the application's with --require"
            raise UnknownJob(f"no job is registered as {name!r} (modules with jobs: {loaded})")
        return definition

    def knows(self, name: str) -> bool:
        """Whether `find` would find it. O(1)."""
        return name in self._by_name or name.removeprefix("::") in self._by_name

    def on(self, event: str, hook: Callable[..., Any]) -> None:
        """Have `hook` called by every worker of this process: `before_first_fork()`,
        `before_fork(record)`, `after_fork(record)`, `before_pause(worker)`,
        `after_pause(worker)`, `queue_empty()`, `shutdown()`, `worker_exit()`. Raises ResqueError
        for another event. (Ruby: Resque.before_fork and the like.)"""
        if event not in WORKER_EVENTS:
            raise ResqueError(f"no worker event {event!r}: one of {', '.join(WORKER_EVENTS)}")
        self._worker_hooks.setdefault(event, []).append(hook)

    def tell(self, event: str, *args: Any) -> None:
        """Call the hooks of a worker event, in the order of their registration."""
        for hook in self._worker_hooks.get(event, ()):
            hooks.call(hook, *args)

    def hears_of(self, *events: str) -> bool:
        """Whether there are hooks of any of these worker events."""
        return not self._worker_hooks.keys().isdisjoint(events)

    def __iter__(self) -> Iterator[Definition]:
        return iter(self._by_name.values())


#: Where `@job` and `Job` register by default: a declaration at import time has
#: nowhere else to go.
registry = Registry()


class JobFunction(Generic[P, R]):
    """A function declared as a job. Calling it runs it here and now."""

    def __init__(
        self, function: Callable[P, R], name: str, queue: str | None, hooks: object = None
    ) -> None:
        self._function = function
        self.hooks_owner = hooks
        self.name = name
        self.queue = queue
        self.__doc__ = function.__doc__
        self.__name__ = function.__name__
        self.__module__ = function.__module__
        self.__wrapped__ = function

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<job {self.name} on queue {self.queue}>"


def job(
    *,
    queue: str | None = None,
    name: str | None = None,
    hooks: object = None,
    retry: Retry | None = None,
    into: Registry = registry,
) -> Callable[[Callable[P, R]], JobFunction[P, R]]:
    """Declare a function as a job.

    `queue` is where `Resque.enqueue` puts it; `name` is its class on the wire, by default the
    function's dotted name. The function gets the job's arguments by position. `hooks` is an
    object (a class, a module) whose attributes are the job's hooks; `retry` has failed jobs
    tried again.
    """

    def declare(function: Callable[P, R]) -> JobFunction[P, R]:
        wire_name = name or f"{_module_name(function.__module__)}.{function.__qualname__}"
        declared = JobFunction(function, wire_name, queue, hooks)
        into.add(Definition(wire_name, queue, function, hooks, retry), function.__module__)
        return declared

    return declare


class Job:
    """Base of jobs written as classes, with Ruby's hooks by name.

    A subclass that defines `perform` (a staticmethod or classmethod) is registered. `queue` is
    where `Resque.enqueue` puts it; `name` is its class on the wire, by default the class's
    dotted name; `retry` has failed jobs tried again. A subclass without `perform` is a base for
    others. No instance is ever made: raises ResqueError where `perform` or a hook takes `self`.
    """

    queue: ClassVar[str | None] = None
    name: ClassVar[str]
    retry: ClassVar[Retry | None] = None

    def __init_subclass__(cls, into: Registry = registry, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" not in cls.__dict__:
            cls.name = f"{_module_name(cls.__module__)}.{cls.__qualname__}"
        perform = getattr(cls, "perform", None)
        if callable(perform):
            _refuse_self(cls)
            into.add(Definition(cls.name, cls.queue, perform, cls, cls.retry), cls.__module__)


def _refuse_self(cls: type[Job]) -> None:
    """It would get the first argument of a job as `self`."""
    found = [name for prefix in hooks.PREFIXES for name in hooks.names(cls, prefix)]
    for name in ("perform", *found):
        function = getattr(cls, name, None)
        if isinstance(function, FunctionType) and function.__code__.co_varnames[:1] == ("self",):
            raise ResqueError(
                f"{cls.__qualname__}.{name} takes self, but no instance is ever made: make it a "
                "staticmethod or a classmethod"
            )


#: What may be enqueued: a declared function, a class, or the name of another application's job.
Enqueueable = JobFunction[Any, Any] | type[Job] | str


def _module_of(function: Callable[..., Any]) -> str:
    return _module_name(getattr(function, "__module__", "") or "")


def _module_name(module: str) -> str:
    """A module's importable name: a program started as `python app.py` or `python -m app` calls
    itself `__main__`, but its workers know it as `app`."""
    if module != "__main__":
        return module
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name:
        return str(spec.name).removesuffix(".__main__")
    file = os.path.basename(getattr(main, "__file__", None) or "__main__")
    return os.path.splitext(file)[0]

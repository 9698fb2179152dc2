"""Running one job with its hooks, in Ruby's order, and describing what went wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from types import CodeType, TracebackType

from queuecore.values import Any
from resque import hooks
from resque.codec import encode_failure
from resque.errors import WIRE_NAMES, DirtyExit, DontPerform, UnknownJob
from resque.jobs import Definition, Registry
from resque.store.workers import Record

#: Lines of a backtrace that are kept at either end; a recursion has a thousand.
_TRACE_ENDS = 100


def arguments(args: Any) -> list[Any]:
    """The arguments as Ruby splats them: none for null, a list as it is, an object as pairs,
    anything else as the only one."""
    if args is None:
        return []
    if isinstance(args, list):
        return args
    if isinstance(args, dict):
        return [[key, value] for key, value in args.items()]
    return [args]


def perform(registry: Registry, class_name: str | None, args: Any) -> None:
    """Run a job here and now, with its hooks. Raises what the job raises, and UnknownJob."""
    definition = registry.find(class_name or "")
    values = arguments(args)
    try:
        _run(definition, values)
    except BaseException as error:
        _tell_failure_hooks(definition, error, values)
        raise


def _run(definition: Definition, values: list[Any]) -> None:
    owner = definition.owner
    if owner is None:
        # A function without hooks: the usual one.
        hooks.call(definition.perform, *values)
        return
    try:
        for hook in hooks.find(owner, "before_perform"):
            hooks.call(hook, *values)
    except DontPerform:
        return
    run: Callable[[], Any] = lambda: hooks.call(definition.perform, *values)  # noqa: E731
    for around in reversed(hooks.find(owner, "around_perform")):
        run = _nested(around, values, run)
    run()
    for hook in hooks.find(owner, "after_perform"):
        hooks.call(hook, *values)


def _nested(around: hooks.Hook, values: list[Any], inner: Callable[[], Any]) -> Callable[[], Any]:
    # The block of a Ruby hook becomes its last argument.
    return lambda: hooks.call(around, *values, inner)


def _tell_failure_hooks(definition: Definition, error: BaseException, values: list[Any]) -> None:
    for hook in hooks.find(definition.owner, "on_failure"):
        try:
            hooks.call(hook, error, *values)
        except BaseException as second:
            raise RuntimeError(
                f"Additional error ({name_of(second)}: {message_of(second)}) occurred in running "
                f"failure hooks for job {definition.name}\nOriginal error that caused job failure "
                f"was {name_of(error)}: {message_of(error)}"
            ) from error


def tell_of_death(
    registry: Registry, class_name: str | None, args: Any, error: DirtyExit
) -> BaseException:
    """Run a job's failure hooks in the parent of a child that died. Returns the error to record:
    the given one, or what a hook raised on top of it."""
    try:
        definition = registry.find(class_name or "")
        _tell_failure_hooks(definition, error, arguments(args))
    except UnknownJob:
        pass
    except RuntimeError as second:
        return second
    return error


def entry_for(
    error: BaseException, record: Record, *, worker_id: str, queue: str, now: datetime
) -> bytes:
    """The failure entry for an error that a job raised."""
    return encode_failure(
        failed_at=now,
        payload=record.payload if record.payload is not None else b"null",
        exception=name_of(error),
        error=message_of(error),
        backtrace=backtrace(error.__traceback__),
        worker=worker_id,
        queue=queue,
    )


def name_of(error: BaseException) -> str:
    """How an error is called in a failure entry."""
    kind = type(error)
    if kind in WIRE_NAMES:
        return WIRE_NAMES[kind]
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def message_of(error: BaseException) -> str:
    """The error's text; its name when it was given none, as in Ruby (an empty one stays)."""
    try:
        if isinstance(error, SystemExit) and error.code is None:
            return name_of(error)
        return str(error) or ("" if error.args else name_of(error))
    except BaseException as second:
        return f"(no message: its __str__ raised {name_of(second)})"


def backtrace(trace: TracebackType | None) -> list[str]:
    """The application's frames, innermost first, in Ruby's notation."""
    frames = [
        f"{code.co_filename}:{line}:in `{code.co_name}'" for code, line in _frames_of_the_job(trace)
    ]
    frames.reverse()
    if len(frames) > 2 * _TRACE_ENDS:
        hidden = len(frames) - 2 * _TRACE_ENDS
        frames[_TRACE_ENDS:-_TRACE_ENDS] = [f"... {hidden} more frames ..."]
    return frames


def _frames_of_the_job(trace: TracebackType | None) -> list[tuple[CodeType, int]]:
    # Without `traceback`: a forking worker would carry the modules that it loads.
    frames = []
    while trace is not None:
        frames.append((trace.tb_frame.f_code, trace.tb_lineno))
        trace = trace.tb_next
    ours = [i for i, (code, _) in enumerate(frames) if code.co_filename == __file__]
    inside = frames[ours[-1] + 1 :] if ours else frames
    # An error of our own, such as an unknown name, has no frame of the application.
    return [frame for frame in inside if not frame[0].co_filename.startswith(_ENGINE)]


_ENGINE = __file__.removesuffix("perform.py")

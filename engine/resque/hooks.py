"""A job's hooks, found by name as Ruby Resque finds them.

A hook is anything callable on the job's class whose name starts with the hook's prefix:
`before_perform`, `before_performX` and `before_perform_log` all are. They run in the order of
their names. A class with an attribute `hooks` (a list of names) is asked for that instead; not
for the hooks of scheduling, which are resque-scheduler's, and it does not ask.
"""

from __future__ import annotations

from collections.abc import Callable
from types import AsyncGeneratorType, CoroutineType, GeneratorType

from queuecore.values import Any
from resque.errors import NeverRan

Hook = Callable[..., Any]

#: What the names of hooks begin with.
PREFIXES = (
    *("before_enqueue", "after_enqueue", "before_dequeue", "after_dequeue"),
    *("before_schedule", "after_schedule"),
    *("before_perform", "around_perform", "after_perform", "on_failure"),
)
_UNLISTED = ("before_schedule", "after_schedule")


def call(hook: Hook, *args: Any) -> Any:
    """Call a hook or a job and return what it returns. Raises NeverRan when that has yet to be run:
    that would not happen, and it would count as done."""
    result = hook(*args)
    if result is None or result is True or result is False:
        return result
    if hasattr(type(result), "__await__"):
        kind = "a coroutine"
    elif isinstance(result, GeneratorType | AsyncGeneratorType):
        kind = "a generator"
    else:
        return result
    if isinstance(result, CoroutineType):
        # Else Python complains, too.
        result.close()
    name = getattr(hook, "__qualname__", None) or repr(hook)
    raise NeverRan(
        f"{name} returned {kind}, of which nothing was run: make it a plain function "
        "(which may use asyncio.run)"
    )


def names(owner: object, prefix: str) -> list[str]:
    """The names of an owner's hooks with a prefix, sorted; none without owner. O(attributes)."""
    if owner is None:
        return []
    listed = None if prefix in _UNLISTED else getattr(owner, "hooks", None)
    if isinstance(listed, list | tuple):
        return sorted(name for name in listed if name.startswith(prefix))
    if type(owner) is type:
        # As `dir`, which would be most of the time that a job of a class takes; `object` has none.
        places = map(vars, owner.__mro__[:-1])
        return sorted({name for place in places for name in place if name.startswith(prefix)})
    return sorted(name for name in dir(owner) if name.startswith(prefix))


def find(owner: object, prefix: str) -> list[Hook]:
    """An owner's hooks with this prefix, in the order in which they run."""
    hooks = [getattr(owner, name) for name in names(owner, prefix)]
    return [hook for hook in hooks if callable(hook)]

"""A job's hooks, found by name as Ruby Resque finds them.

A hook is anything callable on the job's class whose name starts with the hook's prefix:
`before_perform`, `before_performX` and `before_perform_log` all are. They run in the order of
their names. A class with an attribute `hooks` (a list of names) is asked for that instead.
"""

from __future__ import annotations

from collections.abc import Callable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any
else:
    Any = object

Hook = Callable[..., Any]


def names(owner: object, prefix: str) -> list[str]:
    """The names of an owner's hooks with this prefix, sorted; none without an owner.
    O(attributes)."""
    if owner is None:
        return []
    listed = getattr(owner, "hooks", None)
    candidates = listed if isinstance(listed, list | tuple) else dir(owner)
    return sorted(name for name in candidates if name.startswith(prefix))


def find(owner: object, prefix: str) -> list[Hook]:
    """An owner's hooks with this prefix, in the order in which they run."""
    hooks = [getattr(owner, name) for name in names(owner, prefix)]
    return [hook for hook in hooks if callable(hook)]

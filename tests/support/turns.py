"""Long lists are turned, and a turn that is left unfinished is finished by others. With small
bounds for both, tests see that on small lists and within a moment."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Final

_MODULE: Final = "queuecore.turning"
#: The bounds, by their names in that module, and what tests put in their place.
_BOUNDS: Final = {
    "SHALLOW_ITEMS": 50,
    "STEP_PLACES": 100,
    "STEP_ITEMS": 20,
    "BACK_ITEMS": 20,
    "GRACE_S": 0.3,
}


def hurry() -> None:
    """Let this process take small lists for long ones, and a silent program soon for dead."""
    if find_spec(_MODULE) is None:
        return
    module = import_module(_MODULE)
    for name, value in _BOUNDS.items():
        assert hasattr(module, name), name
        setattr(module, name, value)

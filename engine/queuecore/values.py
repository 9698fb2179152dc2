"""Classes of values, declared as dataclasses are, for modules that a forking worker loads.

`dataclasses` and `typing` bring 3 MB of modules along, which each fork copies the page tables of
and scatters the pages in use over (`make bench` measures a job). To a type checker these are
dataclasses. They are immutable by agreement: it checks that, not the running program.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any as Any
    from typing import ClassVar as ClassVar
    from typing import Generic as Generic
    from typing import Literal as Literal
    from typing import NoReturn as NoReturn
    from typing import ParamSpec as ParamSpec
    from typing import Protocol as Protocol
    from typing import Self as Self
    from typing import TextIO as TextIO
    from typing import TypeVar as TypeVar
    from typing import dataclass_transform
else:

    class Generic:
        """In place of the names of `typing`, which only a type checker reads."""

        __slots__ = ()

        def __class_getitem__(cls, types):
            """The class as it is."""
            return cls

    Any = NoReturn = Self = TextIO = object
    Literal = Protocol = ClassVar = Generic

    def TypeVar(name):
        """No type."""

    ParamSpec = TypeVar

    def dataclass_transform(**_):
        """As in `typing`."""
        return lambda decorator: decorator


V = TypeVar("V")


@dataclass_transform(frozen_default=True)
def value(cls: type[V]) -> type[V]:
    """Make a class with annotated fields one of values: made from them, equal by them, hashed
    and shown by them, without room for anything else. `__post_init__` and methods of its own are
    kept. A default must not be mutable. For classes without a base of their own."""
    names = tuple(cls.__annotations__)
    own = {k: v for k, v in cls.__dict__.items() if k not in ("__dict__", "__weakref__")}
    defaults = {name: own.pop(name) for name in names if name in own}
    made = _made(names, defaults, "__post_init__" in own)
    made |= {"__repr__": _repr, "__dataclass_fields__": _FieldsOnDemand()}
    space = made | own | {"__slots__": names, "__match_args__": names}
    made_new: Any = type(cls)
    result: type[V] = made_new(cls.__name__, cls.__bases__, space)
    return result


class _FieldsOnDemand:
    """Lets `dataclasses` work with values where it is loaded anyhow."""

    def __get__(self, instance: object, owner: Any) -> dict[str, Any]:
        import dataclasses

        alike: Any = dataclasses.make_dataclass(owner.__name__, owner.__match_args__)
        # Kept: `dataclasses.replace` asks at every call.
        owner.__dataclass_fields__ = alike.__dataclass_fields__
        fields: dict[str, Any] = alike.__dataclass_fields__
        return fields


def replace(old: V, **changes: Any) -> V:
    """A value like `old`, with other fields."""
    return type(old)(**(_fields(old) | changes))


def _made(names: tuple[str, ...], defaults: dict[str, Any], has_more: bool) -> dict[str, Any]:
    # Written out, for a loop over the fields would take longer; as the library does.
    parameters = ", ".join(f"{n}=defaults[{n!r}]" if n in defaults else n for n in names)
    mine, other = ("".join(f"{who}.{n}, " for n in names) for who in ("self", "other"))
    source = [f"def __init__(self, {parameters}):"]
    source += [f" self.{n} = {n}" for n in names] + [" self.__post_init__()"] * has_more
    source += [f"def __hash__(self): return hash(({mine}))"]
    source += [
        "def __eq__(self, other):",
        " if type(other) is not type(self): return NotImplemented",
    ]
    source += [f" return ({mine}) == ({other})"]
    functions: dict[str, Any] = {}
    exec("\n".join(source), {"defaults": defaults}, functions)  # noqa: S102
    return functions


def _fields(self: Any) -> dict[str, Any]:
    return {name: getattr(self, name) for name in self.__match_args__}


def _repr(self: Any) -> str:
    shown = ", ".join(f"{name}={field!r}" for name, field in _fields(self).items())
    return f"{type(self).__qualname__}({shown})"

"""A change of one value in the arguments of many jobs: `args.1.currency` from EURO to EUR. All the
other bytes of a job stay as they are. Pure."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple

from qtop.text.payloads import BadPayload, checked
from qtop.text.redact import HIDDEN, Redactor
from qtop.text.safe import safe
from queuecore.active_job import WRAPPERS, unwrapped
from queuecore.codec import decode, encode, span_at
from queuecore.errors import BadOption, EncodeError

_PATH: Final = re.compile(r"args(?:\.[^\s.]+)+")
_MOST_SAMPLES: Final = 3
_MOST_CELLS: Final = 60
#: Of the paths of one job so many are offered, so deep.
_MOST_PATHS: Final = 40
_DEEPEST: Final = 5


class ChangeSample(NamedTuple):
    """What changes in one job: its class, the place as filters say it, the value there as JSON
    before and after, and the whole job, in which `path` leads to the value."""

    class_name: str
    place: str
    before: bytes
    after: bytes
    payload: bytes
    path: tuple[str, ...]

    def line(self, redactor: Redactor) -> str:
        """It in one line of safe text, without secrets: also where only what is around the value
        says that it is one, such as the option before it. O(bytes)."""
        before = HIDDEN if self._is_hidden(redactor) else _short(self.before)
        text = f"{safe(self.class_name)}  {safe(self.place)}: {before} → {_short(self.after)}"
        return redactor.text(text)

    def _is_hidden(self, redactor: Redactor) -> bool:
        was = decode(self.payload)
        shown = redactor.value(was)
        for step in self.path:
            if not isinstance(shown, type(was)):
                return True
            at: Any = int(step) if isinstance(was, list) else step
            was, shown = was[at], shown[at]
        return not isinstance(was, list | dict) and bool(shown != was)


@dataclass(frozen=True, slots=True)
class ArgumentChange:
    """Another value at a place of a job's arguments.

    Attributes:
        path: The place, as filters say it, without `args`: `1`, `currency`. Of ActiveJob's jobs it
            is a place of their own arguments.
        after: The new value, as JSON.
        before: The value that is changed, as JSON; None: any.
        samples: Takes in some of the jobs that were looked at, for the question.
    """

    path: tuple[str, ...]
    after: bytes
    before: bytes | None = None
    samples: list[ChangeSample] = field(default_factory=list, compare=False)

    @property
    def place(self) -> str:
        """The place as it is written in filters."""
        return ".".join(("args", *self.path))

    def __str__(self) -> str:
        was = "any value" if self.before is None else _short(self.before)
        return f"{safe(self.place)}: {was} → {_short(self.after)}"

    def applied(self, payload: bytes) -> bytes:
        """The payload with the new value. Raises ValueError with the reason why it stays as it is:
        the place is missing, another value is there, or the new one already, or no worker could
        perform the job. O(bytes)."""
        job = decode(payload)
        if not isinstance(job, dict):
            raise ValueError("not a JSON object")
        path = (*_root(job), *self.path)
        first, last = self._span(payload, path)
        value = payload[first:last]
        if _same(value, self.after):
            raise ValueError(f"{self.place} already has this value")
        if self.before is not None and not _same(value, self.before):
            raise ValueError(f"{self.place} has another value")
        changed = payload[:first] + self.after + payload[last:]
        try:
            checked(changed)
        except BadPayload as error:
            raise ValueError(str(error)) from None
        if len(self.samples) < _MOST_SAMPLES:
            name = unwrapped(job["class"], job["args"])[0]
            sample = ChangeSample(str(name), self.place, value, self.after, payload, path)
            self.samples.append(sample)
        return changed

    def _span(self, payload: bytes, path: Sequence[str]) -> tuple[int, int]:
        try:
            return span_at(payload, path)
        except LookupError:
            raise ValueError(f"{self.place} is missing") from None


def _root(job: Mapping[str, Any]) -> tuple[str, ...]:
    """Where the arguments are that are shown. Raises ValueError where they are put together."""
    name, args = job.get("class"), job.get("args")
    if not isinstance(name, str) or name not in WRAPPERS or unwrapped(name, args) == (name, args):
        return ("args",)
    if unwrapped(name, args)[0] != args[0]["job_class"]:  # type: ignore[index]
        raise ValueError("these are ActionMailer's arguments: edit the job by itself")
    return ("args", "0", "arguments")


def _same(one: bytes, other: bytes) -> bool:
    """Whether two texts of JSON say the same. To Python 1, 1.0 and true are equal, and all numbers
    that are too large for a float."""
    return bool(_exact(one) == _exact(other))


def _exact(raw: bytes) -> Any:
    """What a text of JSON says, to be compared: numbers with all their digits, members in their
    order. Raises ValueError where it is none."""
    return json.loads(
        raw.decode("utf-8", "surrogateescape"),
        strict=False,
        parse_int=lambda digits: _number("integer", digits),
        parse_float=lambda digits: _number("float", digits),
        parse_constant=lambda word: ("no JSON", word),
        object_pairs_hook=lambda pairs: ("object", pairs),
    )


def _number(kind: str, digits: str) -> tuple[str, Decimal | str]:
    try:
        return kind, Decimal(digits)
    except InvalidOperation:  # Its exponent is too large for any number.
        return kind, digits


def _short(value: bytes) -> str:
    text = safe(value)
    return text if len(text) <= _MOST_CELLS else f"{text[: _MOST_CELLS - 1]}…"


def change_of(path: str, after: str, before: str | None = None) -> ArgumentChange:
    """The change that a person wrote: a place such as `args.1.currency`, and values. A value is
    JSON, or else a text: `EUR` is `"EUR"`, `42` a number, `"42"` a text.

    Raises BadOption for a place that is none, and for a new value that no worker could read.
    """
    if _PATH.fullmatch(path) is None:
        raise BadOption(f"{path!r} is not in the arguments: write args.0 or args.1.currency")
    names = tuple(path.split(".")[1:])
    try:
        wanted = _json(after)
        value = decode(wanted)
        for _ in names:
            value = [value]
        encode({"args": value})
        return ArgumentChange(names, wanted, None if before is None else _json(before))
    except (ValueError, EncodeError) as error:
        raise BadOption(f"the value: {error}") from None


def _json(text: str) -> bytes:
    """A text as JSON, which it may be already: also with numbers that Python cannot hold."""
    try:
        json.loads(text, strict=False, parse_int=str, parse_constant=_no)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ValueError:
        return encode(text)
    return text.strip().encode("utf-8", "surrogateescape")


def _no(word: str) -> Any:
    raise ValueError(word)


def paths_of(args: Any) -> list[str]:
    """The places of some arguments that hold a value that is neither a list nor a mapping, the
    first of them."""
    return list(_paths(args, "args", 0))[:_MOST_PATHS]


def _paths(value: Any, place: str, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        return
    if isinstance(value, Mapping):
        inner: Sequence[tuple[str, Any]] = [(key, each) for key, each in value.items()]
    elif isinstance(value, list):
        inner = [(str(at), each) for at, each in enumerate(value[:_MOST_PATHS])]
    else:
        if _PATH.fullmatch(place) is not None:
            yield place
        return
    for key, each in inner:
        yield from _paths(each, f"{place}.{key}", depth + 1)


def left_alone(refusals: Counter[str]) -> list[str]:
    """Why some jobs stay as they are, with how many, as lines of safe text."""
    return [f"Skipped: {number:,}: {safe(why)}." for why, number in refusals.most_common()]

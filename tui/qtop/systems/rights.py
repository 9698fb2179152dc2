"""What a Redis user's rights, and the commands that a server knows, mean for actions and for
`qtop doctor`: the same for every system. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from qtop.model.health import Finding
from qtop.text.format import named
from qtop.text.safe import counted, safe
from queuecore.errors import AuthRefused, MissingCommand, QueueError


def not_allowed(
    missing: Collection[str], actions: Iterable[str], needs: Callable[[str], frozenset[str]]
) -> dict[str, str]:
    """Why the server would refuse actions, by their ids: those that need a command which this user
    may not run."""
    found: dict[str, str] = {}
    for action in actions:
        lacking = sorted(needs(action).intersection(missing))
        if lacking:
            found[action] = (
                f"not allowed: this Redis user may not run {safe(', '.join(lacking))} "
                "(extend its ACL)"
            )
    return found


def findings(refused: Mapping[str, QueueError] | None) -> Iterator[Finding]:
    """Whether all commands are allowed, and known; None: that cannot be found out."""
    yield rights(refused)
    if refused is not None:
        yield commands(refused)


def commands(refused: Mapping[str, QueueError]) -> Finding:
    """Whether the server knows all commands."""
    unknown = sorted(name for name, why in refused.items() if isinstance(why, MissingCommand))
    if not unknown:
        return Finding("commands", "OK", "every command that qtop and its workers need exists")
    number = counted(len(unknown), "command")
    text = f"{number} unknown to the server: {named(unknown)}: what needs them fails"
    what_to_do = "use Redis 6.2 or newer; where they were renamed, have their names back"
    return Finding("commands", "WARN", text, what_to_do)


def rights(refused: Mapping[str, QueueError] | None) -> Finding:
    """Whether all commands are allowed."""
    if refused is None:
        text = "unknown: MULTI is refused or missing"
        return Finding("rights", "UNKNOWN", text, "allow +multi +exec +discard")
    missing = {name: why for name, why in refused.items() if isinstance(why, AuthRefused)}
    if not missing:
        return Finding("rights", "OK", "every command that qtop and its workers need is allowed")
    names = sorted(missing)
    first = missing[names[0]]
    are = "is" if len(names) == 1 else "are"
    text = f"{counted(len(names), 'command')} {are} refused: {named(names)} ({first})"
    return Finding("rights", "ERROR", text, f"allow {' '.join(f'+{n.lower()}' for n in names)}")

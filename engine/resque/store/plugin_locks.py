"""The locks that plug-ins of Ruby's Resque put on waiting jobs, so that none waits twice.

While such a lock is there Ruby enqueues no equal job, and says nothing. resque-loner and
resque_solo delete theirs when the job is taken off its queue, when it is destroyed and with the
queue; resque-lock-timeout its loner lock when the job begins; resque-lock its own after the job.
So what takes a job off a queue has to delete them, too. A class may compute its key in its own
way: such a lock is not found here. (resque-loner 1.3.0 `unique_job_queue_key` and `redis_key`,
resque_solo `unique_key`, resque-lock-timeout `redis_loner_lock_key`, resque-lock `lock`.)
"""

from __future__ import annotations

from collections.abc import Sequence

from queuecore.digests import md5_hex
from queuecore.exchange import Exchange, Reply, first_error
from queuecore.values import Any, value
from resque.codec import encode
from resque.errors import EncodeError
from resque.keys import Keys


@value
class LocksFound:
    """What a job that was taken had: how many locks were deleted, which Ruby deletes then, too;
    and the lock of resque-lock, which Ruby keeps until the job is done, empty without one.
    `problem` says why some could not be deleted."""

    freed: int = 0
    kept: bytes = b""
    problem: str = ""


def waiting_locks(keys: Keys, queue: str, class_name: str, args: Any) -> tuple[bytes, ...]:
    """The keys a waiting job may have, which Ruby deletes when it is taken. Pure, O(size)."""
    found: list[bytes] = []
    if isinstance(args, list):
        digest = _digest(class_name, args)
        if digest:
            found += [keys.loner(queue, digest), keys.solo(queue, digest)]
        if (joined := _joined(args)) is not None:
            found.append(keys.loner_lock(class_name, joined))
    return tuple(found)


def running_lock(keys: Keys, class_name: str, args: Any) -> bytes:
    """The key that a job may have until it is done (resque-lock), '' where it cannot be known:
    Ruby prints some values in another way from version to version. Pure."""
    texts = [_inspected(arg) for arg in args] if isinstance(args, list) else [None]
    known = [text for text in texts if text is not None]
    if len(known) < len(texts):
        return b""
    return keys.job_lock(class_name, f"[{', '.join(known)}]")


def free_taken(keys: Keys, queue: str, class_name: str, args: Any) -> Exchange[LocksFound]:
    """Delete the locks of a job that was just taken off its queue, as Ruby does. One round trip."""
    locks = waiting_locks(keys, queue, class_name, args)
    kept = running_lock(keys, class_name, args)
    commands = tuple(("DEL", key) for key in locks)
    if kept:
        commands = (*commands, ("EXISTS", kept))

    def parse(replies: list[Reply]) -> LocksFound:
        refused = first_error(replies)
        is_kept = bool(kept) and replies[-1] == 1
        freed = sum(each for each in replies[: len(locks)] if isinstance(each, int))
        return LocksFound(freed, kept if is_kept else b"", str(refused or ""))

    return Exchange(commands, parse, writes=True, tolerant=True)


def _digest(class_name: str, args: Sequence[Any]) -> str:
    """resque-loner's `redis_key`: hashes among the arguments are sorted into pairs."""
    plain = [
        [[key, each[key]] for key in sorted(each, key=_bytes)] if isinstance(each, dict) else each
        for each in args
    ]
    try:
        return md5_hex(encode({"class": class_name, "args": plain}))
    except EncodeError:
        return ""


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _joined(args: Sequence[Any]) -> str | None:
    """Ruby's `args.join('-')`; None where it depends on Ruby's version."""
    given = ["" if arg is None else arg for arg in args]
    texts = [arg if isinstance(arg, str) else _inspected(arg) for arg in given]
    known = [text for text in texts if text is not None]
    return "-".join(known) if len(known) == len(texts) else None


def _inspected(arg: Any) -> str | None:
    """Ruby's `inspect` of a simple value; None for others."""
    if arg is None or arg is True or arg is False:
        return {None: "nil", True: "true", False: "false"}[arg]
    if isinstance(arg, int):
        return str(arg)
    if isinstance(arg, str) and arg.isascii() and arg.isprintable() and not set(arg) & set('"\\#'):
        return f'"{arg}"'
    return None

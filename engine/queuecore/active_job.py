"""What Rails' ActiveJob puts into a payload: the job's own class and arguments, and times; of
ActionMailer the mailer, the mail and its arguments. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from queuecore import times

#: The class of such payloads in Resque; the job itself is its first argument.
WRAPPER: Final = "ActiveJob::QueueAdapters::ResqueAdapter::JobWrapper"
#: Those of all queue systems and their versions.
WRAPPERS: Final = frozenset(
    {
        WRAPPER,
        "ActiveJob::QueueAdapters::SidekiqAdapter::JobWrapper",
        "Sidekiq::ActiveJob::Wrapper",
    }
)
#: What the names of all of them have.
WRAPPERS_SHARE: Final = "Wrapper"
#: What ActionMailer's jobs of all versions have as their third argument.
_DELIVERIES: Final = ("deliver_now", "deliver_now!")


def unwrapped(class_name: str | None, args: Any) -> tuple[str | None, Any]:
    """A job's class and arguments, without ActiveJob's wrapper. A mail is named by what it sends,
    `UserMailer#welcome`: the jobs of all mails have one class."""
    job = _job(class_name, args)
    if job is None:
        return class_name, args
    arguments = job.get("arguments")
    return _mail(arguments) or (job["job_class"], arguments)


def fields_of(class_name: str | None, args: Any) -> dict[str, Any]:
    """What `unwrapped` makes of a job, as members of JSON beside the raw ones."""
    name, arguments = unwrapped(class_name, args)
    return {"job_class": name, "arguments": arguments}


def _mail(arguments: Any) -> tuple[str, list[Any]] | None:
    """The mail and its arguments, which since Rails 6 are in a hash, with the mailer's (`with`)."""
    if not isinstance(arguments, list) or len(arguments) < 3 or arguments[2] not in _DELIVERIES:
        return None
    mailer, mail, _, *rest = arguments
    if not isinstance(mailer, str) or not isinstance(mail, str):
        return None
    inner = rest[0] if len(rest) == 1 else None
    if isinstance(inner, Mapping) and isinstance(inner.get("args"), list):
        rest = [*([inner["params"]] if "params" in inner else []), *inner["args"]]
    return f"{mailer}#{mail}", rest


def waiting_since(class_name: str | None, args: Any) -> datetime | None:
    """When a job came to its queue: when it was enqueued, or when it came due, if that was later.
    None when ActiveJob has written no time."""
    job = _job(class_name, args) or {}
    moments = [times.parse(job.get(key)) for key in ("enqueued_at", "scheduled_at")]
    return max((moment for moment in moments if moment is not None), default=None)


def _job(class_name: str | None, args: Any) -> Mapping[str, Any] | None:
    if class_name in WRAPPERS and isinstance(args, list) and args:
        inner = args[0]
        if isinstance(inner, Mapping) and isinstance(inner.get("job_class"), str):
            return inner
    return None

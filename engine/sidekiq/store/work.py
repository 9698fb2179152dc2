"""What the threads of processes run: a hash with a lifetime beside each process, which its process
writes anew at every beat. So it is up to a beat old, and what is done within a beat never shows.

Up to 6.4.1 it is `<identity>:workers`, then `<identity>:work`; the payload in it is an object up to
6.0.1, then a text (recorded from 5.2 to 8.1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from queuecore.codec import decode_object, member, members_of_beginning, text_of
from queuecore.exchange import Exchange, Reply
from queuecore.fleet import RunningJob
from queuecore.keys import name_bytes, name_text
from queuecore.read_cache import batches, problem_of, rows
from queuecore.values import value
from sidekiq.codec import members_of_both_ends, moment_of, read_job
from sidekiq.errors import StoreError
from sidekiq.keys import SidekiqKeys
from sidekiq.scripts import load_script

_WORKS = load_script("works")

#: What a thread runs is returned whole up to here, else both its ends.
ENTRY_BYTES: Final = 16_384
#: Of a process with more threads none is read.
MOST_THREADS: Final = 20_000
#: So many processes are read by one script.
AT_ONCE: Final = 50


@value
class ProcessWork:
    """What a process runs.

    Attributes:
        jobs: One of each thread that runs something, the longest running first; None with the
            reason as `problem`.
        is_old_name: It is under the name of 6.4.1 and before; None where nothing is.
        is_object: Payloads are objects, as up to 6.0.1; None where there are none.
    """

    jobs: tuple[RunningJob, ...] | None
    is_old_name: bool | None = None
    is_object: bool | None = None
    problem: str | None = None


NO_WORK: Final = ProcessWork(())


def read(keys: SidekiqKeys, identities: Sequence[str]) -> Exchange[dict[str, ProcessWork]]:
    """What some processes run, by their identity. What may not be read is unknown, with the reason.
    One round trip, O(threads) and the bytes of what they run, of which long ones come cut."""
    names = [[keys.work(each), keys.old_work(each)] for each in identities]
    calls = tuple(
        _WORKS.call([key for pair in part for key in pair], [ENTRY_BYTES, MOST_THREADS])
        for part in batches(names, AT_ONCE)
    )

    def parse(replies: list[Reply]) -> dict[str, ProcessWork]:
        answers = rows(iter(replies), calls, len(identities), AT_ONCE)
        found = (of_reply(answer, 0) for answer in answers)
        return dict(zip(identities, found, strict=True))

    return Exchange(calls, parse, tolerant=True)


def entry(keys: SidekiqKeys, identity: str, thread: str) -> Exchange[bytes | None]:
    """All bytes of what a thread runs, by whichever of the two names; None when it runs nothing.
    One round trip, O(bytes)."""
    field = name_bytes(thread)
    either = (("HGET", keys.work(identity), field), ("HGET", keys.old_work(identity), field))
    return Exchange(either, lambda replies: next((each for each in replies if each), None))


def of_reply(reply: Reply, which: int, known: Mapping[bytes, RunningJob] = {}) -> ProcessWork:
    """What the scripts answer about the threads of one process. `known` are jobs that were read
    before, by their bytes: one that is still so stays the same object. Never raises."""
    if isinstance(reply, bytes | StoreError):
        return ProcessWork(None, problem=problem_of(reply))
    if isinstance(reply, int):
        return ProcessWork(None, problem=f"it has too many threads to list them: {reply:,}")
    jobs = []
    for thread, raw in zip(reply[::2], reply[1::2], strict=True):
        was = known.get(raw) if isinstance(raw, bytes) else None
        is_same = was is not None and was.thread == name_text(thread)
        jobs.append(was if was is not None and is_same else running(thread, raw))
    jobs.sort(key=_since)
    is_object = next((each.raw for each in jobs if each.problem is None), None)
    return ProcessWork(
        tuple(jobs),
        which == 2 if which else None,
        None if is_object is None else not isinstance(decode_object(is_object)["payload"], str),
    )


def running(thread: bytes, raw: bytes | list[Any]) -> RunningJob:
    """What one thread runs, as the scripts return it. Never raises; O(bytes)."""
    name = name_text(thread)
    if isinstance(raw, list):
        return _cut(name, *raw)
    try:
        members = decode_object(raw)
        payload = members.get("payload")
        if isinstance(payload, str):
            text = name_bytes(payload)
        elif isinstance(payload, dict):
            text = member(raw, "payload")
        else:
            raise ValueError("there is no payload in it")
    except ValueError as error:
        return RunningJob(raw, None, None, None, None, None, str(error), name)
    job = read_job(text)
    return RunningJob(
        raw=raw,
        queue=_text(members.get("queue")),
        since=moment_of(members.get("run_at")),
        class_name=job.class_name,
        args=job.args,
        payload=text,
        problem=job.problem,
        thread=name,
        jid=job.jid,
    )


def _cut(thread: str, beginning: bytes, end: bytes, size: int) -> RunningJob:
    """What both ends of a long one tell."""
    outer = members_of_both_ends(beginning, end)
    payload = members_of_beginning(beginning).get("payload", b"")
    if payload.startswith(b'"'):
        payload = _unfinished(payload)
    return RunningJob(
        raw=beginning,
        queue=_text(outer.get("queue")),
        since=moment_of(outer.get("run_at")),
        class_name=text_of(members_of_beginning(payload).get("class")),
        args=None,
        problem=f"too large to list ({size:,} bytes)",
        thread=thread,
    )


def _unfinished(text: bytes) -> bytes:
    """The beginning of a JSON text without its end. An escape may be cut: at most six bytes."""
    for missing in range(7):
        whole = text_of(text[: len(text) - missing] + b'"')
        if whole is not None:
            return whole.encode("utf-8", "surrogateescape")
    return b""


def _text(told: Any) -> str | None:
    return told if isinstance(told, str) else None


def _since(job: RunningJob) -> tuple[bool, float, str]:
    # By thread, too: the order of a hash differs from server to server.
    began_s = 0.0 if job.since is None else job.since.timestamp()
    return job.since is None, began_s, job.thread or ""

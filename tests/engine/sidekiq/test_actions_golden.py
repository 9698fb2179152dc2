"""Each recorded action of Sidekiq's API is repeated on the recorded state before it, and compared,
to the byte, with the recorded state after it."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Any

import pytest
from tests.support.direct import Direct
from tests.support.golden import load, restore
from tests.support.sidekiq_jobs import is_of_jobs, state_of

from queuecore.bulk import JobRef, Result
from queuecore.codec import decode_object
from queuecore.exchange import Steps
from queuecore.stores import Store
from queuecore.windows import sha_of
from sidekiq.keys import SetName, SidekiqKeys
from sidekiq.store import entry_actions, queue_actions
from sidekiq.store.entry_search import EntryRef
from sidekiq.store.pushes import PushTime

VERSIONS = ("5.2.10", "6.4.1", "6.4.1-namespaced", "6.5.12", "7.3.2", "8.1.7")
#: The recording before each.
BEFORE = {
    "retry_now": "2-running",
    "retry_reschedule": "api-retry_now",
    "retry_kill": "api-retry_reschedule",
    "retry_delete": "api-retry_kill",
    "scheduled_add_to_queue": "api-retry_delete",
    "scheduled_add_to_queue_shared_score": "api-scheduled_add_to_queue",
    "scheduled_reschedule": "api-scheduled_add_to_queue_shared_score",
    "dead_retry": "api-scheduled_reschedule",
    "dead_delete": "api-dead_retry",
    "queue_job_delete": "api-dead_delete",
    "retry_all": "api-stop",
    "kill_all": "api-retry_all",
    "dead_clear": "api-stats_reset",
}
#: Where another state is left than the recorded one, the keys, and why.
DIFFERENCES = {
    ("retry_now", "retry"): "a process ran the job at once, and it failed again",
    ("retry_now", "queue:default"): "the same: it had left the queue; see the pushes below",
    ("dead_retry", "retry"): "a process ran the job at once, and it failed again",
    ("dead_retry", "queue:default"): "the same: it had left the queue; see the pushes below",
    ("retry_all", "queue:slow"): "the process that was stopped meanwhile put its jobs back",
    ("retry_all", "queue:default"): "up to 7 the latest were retried first, each at its own time",
    ("retry_kill 7.3.2", "retry"): "the poller took another retry meanwhile, which failed again",
}


@dataclass(frozen=True)
class Case:
    """A recorded action: the states before and after, by the bare names of keys."""

    version: str
    action: str
    before: dict[str, Any]
    after: dict[str, Any]
    commands: list[str]

    @property
    def keys(self) -> SidekiqKeys:
        return SidekiqKeys("app" if "namespaced" in self.version else "")

    def entries(self, name: str, *, of_before: bool = True) -> dict[bytes, float]:
        state = self.before if of_before else self.after
        found = state.get(name, {"value": []})["value"]
        return {member.encode(): score for member, score in found}

    def left(self, name: SetName) -> list[EntryRef]:
        """The entries that left a set or their score: those that the action was about."""
        after = self.entries(name, of_before=False)
        return [
            EntryRef(score, sha_of(raw))
            for raw, score in self.entries(name).items()
            if after.get(raw) != score
        ]

    def arrived(self, name: str) -> list[tuple[bytes, float]]:
        before = self.entries(name)
        after = self.entries(name, of_before=False)
        return [(raw, score) for raw, score in after.items() if before.get(raw) != score]

    def pushed(self) -> list[bytes]:
        """The payloads that Sidekiq pushed, where its commands were recorded."""
        pushes = [each for each in self.commands if each.lower().startswith('"lpush"')]
        return [_arguments(each)[-1] for each in pushes]

    def when(self, payload: bytes) -> PushTime:
        """When the recorded action pushed."""
        at = decode_object(payload)["enqueued_at"]
        return PushTime(at / 1000, in_ms=True) if isinstance(at, int) else PushTime(at)


def _arguments(command: str) -> list[bytes]:
    texts = re.findall(r'"(?:[^"\\]|\\.)*"', command)
    # JSON holds no newline: of each `\\n` of a backtrace the recorder kept one backslash.
    return [ast.literal_eval("b" + text).replace(b"\n", b"\\n") for text in texts]


def _bare(state: dict[str, Any]) -> dict[str, Any]:
    return {key.removeprefix("app:"): entry for key, entry in state.items()}


def case(version: str, action: str) -> Case:
    after = load(f"sidekiq/v{version}-api-{action}")
    before = load(f"sidekiq/v{version}-{BEFORE[action]}")
    return Case(
        version, action, _bare(before["keys"]), _bare(after["keys"]), after.get("commands") or []
    )


def as_state(recorded: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, entry in recorded.items():
        if not is_of_jobs(key):
            continue
        value = entry["value"]
        if entry["type"] == "zset":
            found[key] = {member.encode(): score for member, score in value}
        else:
            texts = [each.encode() for each in value]
            found[key] = texts if entry["type"] == "list" else sorted(texts)
    return found


def act(it: Case) -> Steps[Result]:
    """Our action in place of the recorded one."""
    keys = it.keys
    match it.action:
        case "retry_now" | "dead_retry" | "retry_all":
            name: SetName = "dead" if it.action == "dead_retry" else "retry"
            again = [raw for raw, _ in it.arrived("retry")]
            payload = (it.pushed() or again or _new_items(it))[0]
            return entry_actions.run(keys, name, it.left(name), it.when(payload))
        case "retry_reschedule" | "scheduled_reschedule":
            name = "retry" if it.action.startswith("retry") else "schedule"
            [(_, at_s)] = it.arrived(name)
            return entry_actions.reschedule(keys, name, it.left(name), at_s)
        case "retry_kill":
            [(raw, at_s)] = it.arrived("dead")
            refs = [ref for ref in it.left("retry") if ref.sha == sha_of(raw)]
            return entry_actions.kill(keys, "retry", refs, at_s)
        case "retry_delete" | "dead_delete" | "dead_clear":
            name = "retry" if it.action == "retry_delete" else "dead"
            return entry_actions.delete(keys, name, it.left(name))
        case "scheduled_add_to_queue" | "scheduled_add_to_queue_shared_score":
            [payload] = _new_items(it)
            return entry_actions.run(keys, "schedule", it.left("schedule"), it.when(payload))
        case "queue_job_delete":
            before = it.before["queue:idle"]["value"]
            [gone] = set(before) - set(it.after["queue:idle"]["value"])
            ref = JobRef(len(before) - 1 - before.index(gone), sha_of(gone.encode()))
            return queue_actions.delete(keys, "idle", [ref])
        case "kill_all":
            return entry_actions.kill(keys, "retry", it.left("retry"), 1.0)
    raise AssertionError(it.action)


def _new_items(it: Case) -> list[bytes]:
    """What is in queues after the action and was not before."""
    return [
        item.encode()
        for key, entry in it.after.items()
        if key in ("queue:low", "queue:default")
        for item in entry["value"]
        if item not in it.before.get(key, {"value": []})["value"]
    ]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("action", BEFORE)
def test_ours_leaves_what_sidekiqs_left(
    store: Store, direct: Direct, version: str, action: str
) -> None:
    it = case(version, action)
    restore(direct, f"sidekiq/v{version}-{BEFORE[action]}")
    store.run(act(it))
    ours, recorded = state_of(direct, it.keys), as_state(it.after)
    differs = {key for key in ours.keys() | recorded.keys() if ours.get(key) != recorded.get(key)}
    known = {key for act, key in DIFFERENCES if act in (action, f"{action} {version}")}
    assert differs <= known


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("action", ["retry_now", "dead_retry"])
def test_a_retry_pushes_what_sidekiqs_pushed(
    store: Store, direct: Direct, version: str, action: str
) -> None:
    it = case(version, action)
    restore(direct, f"sidekiq/v{version}-{BEFORE[action]}")
    store.run(act(it))
    [ours] = direct("LRANGE", it.keys.queue("default"), 0, -1)
    if it.pushed():
        assert [ours] == it.pushed()
        return
    # Only what became of it was recorded, when it had failed again.
    [(again, _)] = it.arrived("retry")
    failed = decode_object(again)
    assert decode_object(ours).pop("retry_count") == failed.pop("retry_count") - 1
    same = set(failed) - {"retried_at", "error_backtrace"}
    assert {name: decode_object(ours)[name] for name in same} == {
        name: failed[name] for name in same
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_a_retry_of_all_pushes_what_sidekiqs_pushed(
    store: Store, direct: Direct, version: str
) -> None:
    it = case(version, "retry_all")
    restore(direct, f"sidekiq/v{version}-{BEFORE['retry_all']}")
    assert store.run(act(it)) == Result(done=2)

    def without_times(items: list[bytes]) -> list[bytes]:
        return sorted(re.sub(rb'"enqueued_at":[0-9.]+', b"", item) for item in items)

    ours = state_of(direct, it.keys)["queue:default"]
    assert without_times(ours) == without_times(as_state(it.after)["queue:default"])

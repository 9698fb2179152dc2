"""Trying a failed job again, for jobs that ask for it."""

from __future__ import annotations

from collections.abc import Callable

from queuecore import times
from queuecore.exchange import Operation
from queuecore.values import Any
from resque.errors import EncodeError, StoreError, UnknownJob
from resque.jobs import Definition, Registry
from resque.keys import Keys
from resque.perform import arguments
from resque.store import retries
from resque.store.workers import Record
from resque.worker.log import told


class Retrying:
    """Counts the attempts of jobs with a `Retry`, and enqueues the next one.

    `run` carries out an operation on Redis; it is asked only for jobs that are tried again. A
    Redis that does not answer, and arguments that cannot be written (NaN), cost a retry, never the
    failure's record.
    """

    def __init__(
        self,
        keys: Keys,
        registry: Registry,
        run: Callable[[Operation[Any]], Any],
        clock: times.Clock,
        log: Callable[[str], None],
    ) -> None:
        self._keys = keys
        self._registry = registry
        self._run = run
        self._clock = clock
        self._log = log

    def begin(self, record: Record) -> None:
        """Count an attempt that begins."""
        self._count(record, retries.begin)

    def succeeded(self, record: Record) -> None:
        """Forget the count of a job that went well."""
        self._count(record, retries.end)

    def _count(self, record: Record, operation: Callable[..., Operation[Any]]) -> None:
        definition = self._wanted(record)
        if definition is not None:
            args = arguments(record.args)
            self._try(lambda: operation(self._keys, definition.name, args))

    def failed(self, record: Record, entry: bytes) -> bool:
        """Enqueue the next attempt of a job that failed with this `entry`, or give it up. Returns
        whether the entry is not to be recorded: the job wants that, and is sure to be tried
        again."""
        definition = self._wanted(record)
        if definition is None or definition.retry is None:
            return False
        args = arguments(record.args)
        attempt = self._try(lambda: retries.attempt(self._keys, definition.name, args))
        if attempt is None:
            return False
        policy = definition.retry
        if not retries.may_retry(attempt, policy.limit):
            self._try(lambda: retries.end(self._keys, definition.name, args))
            return False
        again = self._try(
            lambda: retries.try_again(
                self._keys,
                record.queue or "",
                definition.name,
                args,
                delay_s=retries.delay_s(attempt, policy.delays_s),
                now=self._clock().timestamp(),
                failure=entry if policy.suppress_failures else b"",
            )
        )
        return again is not None and policy.suppress_failures

    def _wanted(self, record: Record) -> Definition | None:
        try:
            definition = self._registry.find(record.class_name or "")
        except UnknownJob:
            return None
        return definition if definition.retry is not None else None

    def _try(self, make: Callable[[], Operation[Any]]) -> int | None:
        try:
            return int(self._run(make()))
        except (StoreError, EncodeError, UnicodeError) as error:
            # Another implementation may have written arguments that cannot be written again.
            self._log(told(f"retry: {error}", level="error", event="retry"))
            return None

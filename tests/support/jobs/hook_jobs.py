"""Jobs with hooks, under the names that those of the recordings have."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from typing import Any

from tests.support.jobs.sample_jobs import trace

from resque import DontPerform, Job

Block = Callable[[], Any]


def _listed(args: tuple[Any, ...]) -> str:
    return json.dumps(list(args))


class Hooked(Job):
    """Every hook, under the names of the recordings."""

    queue = "default"
    name = "Hooked"

    @staticmethod
    def perform(how: str, *rest: Any) -> None:
        trace(f"perform({how})")
        if how == "fail":
            raise RuntimeError("hooked fail")
        if how in ("die", "kill"):
            os.kill(os.getpid(), signal.SIGKILL)

    @staticmethod
    def before_perform(*args: Any) -> None:
        trace(f"before_perform({_listed(args)}) other")

    @staticmethod
    def before_performX(*args: Any) -> None:
        trace(f"before_performX({_listed(args)}) other")

    @staticmethod
    def before_perform_z(*args: Any) -> None:
        trace(f"before_perform_z({_listed(args)}) other")

    @staticmethod
    def before_perform_a(*args: Any) -> None:
        trace(f"before_perform_a({_listed(args)}) other")

    @staticmethod
    def around_perform_b(*args: Any) -> None:
        trace("around_b>")
        args[-1]()
        trace("around_b<")

    @staticmethod
    def around_perform_a(*args: Any) -> None:
        trace("around_a>")
        args[-1]()
        trace("around_a<")

    @staticmethod
    def after_perform(*args: Any) -> None:
        trace(f"after_perform({_listed(args)}) other")

    @staticmethod
    def after_perform_b(*args: Any) -> None:
        trace(f"after_perform_b({_listed(args)}) other")

    @staticmethod
    def after_perform_a(*args: Any) -> None:
        trace(f"after_perform_a({_listed(args)}) other")

    @staticmethod
    def on_failure_b(error: BaseException, *args: Any) -> None:
        trace(f"on_failure_b({type(error).__name__}:{error}, {_listed(args)})")

    @staticmethod
    def on_failure_a(error: BaseException, *args: Any) -> None:
        trace(f"on_failure_a({type(error).__name__}:{error}, {_listed(args)})")


class DontBefore(Job):
    name = "DontBefore"

    @staticmethod
    def perform(*args: Any) -> None:
        trace("dont:perform")

    @staticmethod
    def before_perform_a(*args: Any) -> None:
        trace("dont:before_perform_a")
        raise DontPerform

    @staticmethod
    def after_perform_a(*args: Any) -> None:
        trace("dont:after")


class NoYield(Job):
    name = "NoYield"

    @staticmethod
    def perform(*args: Any) -> None:
        trace("noyield:perform")

    @staticmethod
    def around_perform_a(*args: Any) -> None:
        trace("noyield:around")

    @staticmethod
    def after_perform_a(*args: Any) -> None:
        trace("noyield:after")


class Swallow(Job):
    name = "Swallow"

    @staticmethod
    def perform(*args: Any) -> None:
        raise RuntimeError("swallowed")

    @staticmethod
    def around_perform_a(number: int, block: Block) -> None:
        try:
            block()
        except RuntimeError as error:
            trace(f"swallow:{error}")

    @staticmethod
    def after_perform_a(*args: Any) -> None:
        trace("swallow:after")


class AfterFails(Job):
    name = "AfterFails"

    @staticmethod
    def perform(*args: Any) -> None:
        pass

    @staticmethod
    def after_perform_a(*args: Any) -> None:
        raise RuntimeError("after failed")

    @staticmethod
    def on_failure_a(error: BaseException, *args: Any) -> None:
        trace(f"afterfails:on_failure {error}")


class DontInAround(Job):
    name = "DontInAround"

    @staticmethod
    def perform(*args: Any) -> None:
        trace("dontaround:perform")

    @staticmethod
    def around_perform_a(*args: Any) -> None:
        raise DontPerform


class FailureHookFails(Job):
    name = "FailureHookFails"

    @staticmethod
    def perform(*args: Any) -> None:
        raise RuntimeError("orig")

    @staticmethod
    def on_failure_a(error: BaseException, *args: Any) -> None:
        raise RuntimeError("hook broke")

"""What `--from` selects: failures, waiting jobs, items set aside."""

from __future__ import annotations

from typing import Any, Final

import click

from qtop.search.selection import JobSource
from resque.store.failures import FAILED


class _SourceType(click.ParamType[JobSource]):
    name = "source"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> JobSource:
        if isinstance(value, JobSource):
            return value
        kind, colon, name = str(value).partition(":")
        if kind == "failed":
            return JobSource("failed", name or FAILED)
        if kind in ("queue", "unreadable") and colon:
            return JobSource("queue" if kind == "queue" else "unreadable", name)
        hint = "" if ":" in str(value) else f"; for the queue write queue:{value}"
        self.fail(
            f"{value!r} is none of: failed, queue:NAME, unreadable:NAME (what was set aside from "
            f"a queue), failed:LIST (where each queue has a list of failures){hint}",
            param,
            ctx,
        )


SOURCE: Final = _SourceType()

from_option = click.option(
    "--from",
    "source",
    type=SOURCE,
    required=True,
    metavar="SOURCE",
    help="Where: failed, queue:NAME, or unreadable:NAME for what was set aside from a queue.",
)

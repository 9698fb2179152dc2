"""Jobs and failures in files: one JSON object a line, exact bytes, and back."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from qtop.model.job import Job
from qtop.model.job_list import JobList
from qtop.text.redact import OPEN, Redactor
from queuecore.errors import QueueError
from queuecore.windows import Item, whole

FORMAT: Final = 1


class BadExport(QueueError):
    """A line that cannot be loaded. The message says why."""


@dataclass(frozen=True, slots=True)
class Exported:
    """An item from a file. `source` is where it was, as on the command line; `queue` the queue of
    its job, empty when it names none; `place` its place on the list, 0 when that is not said;
    `system` the label of its system, empty when that is not said."""

    item: Item
    source: str
    queue: str
    place: int = 0
    system: str = ""


def line_of(jobs: JobList, job: Job, redactor: Redactor = OPEN, system: str = "") -> str:
    """A job of a list as a line of a file, without what `redactor` hides; it says of which `system`
    it is, where there are several. O(bytes).

    `raw` is its text; bytes that are no text go into `base64`. What is redacted says so, and cannot
    be loaded.
    """
    item, source = job.item, jobs.source
    payload = jobs.payload(job)
    shown = redactor.raw(item.raw)
    fields: dict[str, Any] = {
        "qtop": FORMAT,
        "from": str(source),
        "place": job.place or 0,
        "queue": "" if isinstance(payload, str) else payload[0],
        "sha": item.sha,
        "size": item.size,
    }
    if named := system or job.system:
        fields["system"] = named
    if shown is not item.raw or item.is_cut:
        fields["redacted" if not item.is_cut else "cut"] = True
    try:
        fields["raw"] = shown.decode("utf-8")
    except UnicodeDecodeError:
        fields["base64"] = base64.b64encode(shown).decode()
    # ASCII only: no terminal that shows the file obeys it.
    return json.dumps(fields).replace("\x7f", "\\u007f")


def read_line(line: str) -> Exported:
    """An item from a line of a file. Raises BadExport."""
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadExport(f"not JSON: {error}") from None
    if not isinstance(fields, dict) or fields.get("qtop") != FORMAT:
        raise BadExport("not written by qtop's export")
    for name in ("redacted", "cut"):
        if fields.get(name):
            raise BadExport(f"it is {name}: export with secrets to load it")
    item = whole(_raw(fields))
    if item.sha != fields.get("sha"):
        raise BadExport("its bytes were changed after the export")
    queue, place, system = fields.get("queue"), fields.get("place"), fields.get("system")
    return Exported(
        item,
        str(fields.get("from", "")),
        queue if isinstance(queue, str) else "",
        place if isinstance(place, int) else 0,
        system if isinstance(system, str) else "",
    )


def _raw(fields: Mapping[str, Any]) -> bytes:
    try:
        if isinstance(fields.get("base64"), str):
            return base64.b64decode(fields["base64"], validate=True)
        return str(fields["raw"]).encode("utf-8")
    except (KeyError, UnicodeEncodeError, binascii.Error) as error:
        raise BadExport(f"it has no bytes: {error}") from None

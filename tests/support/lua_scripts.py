"""The Lua scripts of all packages: by name, and their files."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import queuecore
import resque
import sidekiq
from queuecore.exchange import Script, read_script

FILES: Final = {
    path.stem: path
    for package in (queuecore, resque, sidekiq)
    for folder in package.__path__
    for path in sorted(Path(folder, "scripts").glob("*.lua"))
}
SCRIPTS: Final[dict[str, Script]] = {
    name: read_script(str(path.parent), name)
    for name, path in FILES.items()
    if not name.endswith(".inc")
}

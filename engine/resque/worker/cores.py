"""Whether the machine has a core for what may as well be done later.

A child that is made ready while another performs takes nobody's time where a core is idle. Where
none is, it costs a sixth of a job: parent and two children copy the pages that each of them
touches, of which parent and one child share more.
"""

from __future__ import annotations

import os

#: What Linux tells of its load: how many processes want a core, before the slash.
_LOAD = "/proc/loadavg"
#: One look is good for so many questions.
_GOOD_FOR = 8


class Cores:
    """The cores of this machine; `count` of them, and the file `load` tells who wants one."""

    def __init__(self, count: int | None = None, load: str = _LOAD) -> None:
        self._count = count or os.cpu_count() or 1
        self._load = load
        self._questions = 0
        self._are_enough = True

    def are_enough(self) -> bool:
        """Whether there is one for every process that wants to run, but for this one, which is
        about to wait. Where the system does not tell: yes."""
        if self._questions % _GOOD_FOR == 0:
            self._are_enough = self._wanted() - 1 <= self._count
        self._questions += 1
        return self._are_enough

    def _wanted(self) -> int:
        try:
            fd = os.open(self._load, os.O_RDONLY)
        except OSError:
            return 0
        try:
            return int(os.read(fd, 100).split()[3].partition(b"/")[0])
        except (OSError, ValueError, IndexError):
            return 0
        finally:
            os.close(fd)

"""Which verdicts are told: those that come and go must not move the rows. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final, NamedTuple

from qtop.monitor.incidents.incident import Incident
from qtop.monitor.rows import FleetRows

#: What is not found any more is told for so much longer.
STAYS_S: Final = 10.0

_Key = tuple[str, str, str]


class _Told(NamedTuple):
    verdict: Incident
    found_mono: float


class Steady:
    """Tells of what was found at two looks running. What is not found any more is called over and
    keeps its place for ten seconds.

    What the first look and the first survey find is told at once: nothing is there yet that could
    move. So is what is found when looks are further apart than ten seconds, and what could not be
    read: without that, the others would say that nothing is wrong.
    """

    def __init__(self) -> None:
        self._told: dict[_Key, _Told] = {}
        self._waiting: frozenset[_Key] = frozenset()
        self._found: frozenset[_Key] = frozenset()
        self._look: tuple[FleetRows, float] | None = None
        self._is_settled = self._is_slow = False

    def told(
        self, found: Iterable[Incident], board: FleetRows, at_mono: float, *, is_whole: bool
    ) -> list[Incident]:
        """What is told of what was found.

        Args:
            found: At the look, or at the survey that came after it.
            board: The look's; the same one when it is judged again.
            at_mono: When it was taken, in monotonic seconds.
            is_whole: A survey was judged, too.
        """
        verdicts = {verdict.key: verdict for verdict in found}
        before = self._look
        if before is None or board is not before[0]:
            # Of the look before, as it was judged last.
            self._waiting, self._look = self._found, (board, at_mono)
            self._is_slow = before is not None and at_mono - before[1] > STAYS_S
        self._found = frozenset(verdicts)
        at_once = not self._is_settled or self._is_slow
        for key, verdict in verdicts.items():
            if at_once or _is_unknown(verdict) or key in self._told or key in self._waiting:
                self._told[key] = _Told(verdict, at_mono)
        self._is_settled = self._is_settled or is_whole
        self._told = {
            key: told for key, told in self._told.items() if at_mono - told.found_mono < STAYS_S
        }
        return [
            told.verdict if key in verdicts else replace(told.verdict, is_over=True)
            for key, told in self._told.items()
        ]


def _is_unknown(verdict: Incident) -> bool:
    return verdict.kind == "unknown" or (verdict.check, verdict.kind) == ("keys", "queue")

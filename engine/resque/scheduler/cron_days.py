"""Days that only fugit can name: counted from the end of the month (`-2`, `mon#-2`), or in every
n-th week (`sun%2`).

Weeks are counted from Monday 2018-12-31, which begins week 0, as et-orbi does since 1.4.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date

from cronsim import CronSim

_FIRST_MONDAY = date(2018, 12, 31).toordinal()


@dataclass(frozen=True, slots=True)
class Days:
    """Such days of an expression. A weekday is 0 on Sunday.

    Attributes:
        from_the_end: Days of the month; -1 is the last one.
        weekdays_from_the_end: Weekday and which one of the month; -1 is the last one.
        weeks: Weekday, divisor and remainder of the number of its week.
        are_all_days, are_all_weekdays: The field names no other day.
        must_match_both: Day of the month and weekday must match; else one of them.
    """

    from_the_end: frozenset[int] = frozenset()
    weekdays_from_the_end: frozenset[tuple[int, int]] = frozenset()
    weeks: frozenset[tuple[int, int, int]] = frozenset()
    are_all_days: bool = False
    are_all_weekdays: bool = False
    must_match_both: bool = False

    def has_day(self, day: date) -> bool:
        """Whether a day of the month is among them."""
        last = calendar.monthrange(day.year, day.month)[1]
        return day.day - last - 1 in self.from_the_end

    def has_weekday(self, day: date) -> bool:
        """Whether a weekday is among them."""
        weekday = day.isoweekday() % 7
        last = calendar.monthrange(day.year, day.month)[1]
        if (weekday, -((last - day.day) // 7) - 1) in self.weekdays_from_the_end:
            return True
        week = (day.toordinal() - _FIRST_MONDAY) // 7
        return any(
            weekday == wanted and week % divisor == remainder % divisor
            for wanted, divisor, remainder in self.weeks
        )


class Simulation(CronSim):
    """The library's, with these days."""

    #: Set after the library has read the expression.
    extra = Days()

    def match_dom(self, d: date) -> bool:
        """Whether a day of the month matches."""
        return self.extra.has_day(d) or (not self.extra.are_all_days and super().match_dom(d))

    def match_dow(self, d: date) -> bool:
        """Whether a weekday matches."""
        return self.extra.has_weekday(d) or (
            not self.extra.are_all_weekdays and super().match_dow(d)
        )

"""What is wrong now, and why: sentences with figures, the worst first. Pure.

A module for each thing that is judged; `Judge` asks them all and remembers what they need.
"""

from __future__ import annotations

from qtop.verdicts.judge import Judge, no_answer
from qtop.verdicts.verdict import SEVERITIES, Lead, Severity, Verdict

__all__ = ["SEVERITIES", "Judge", "Lead", "Severity", "Verdict", "no_answer", "troubles"]


def troubles(verdicts: tuple[Verdict, ...]) -> tuple[int, Severity]:
    """How many verdicts are bad or warn, and the worst severity there is."""
    found = [each for each in verdicts if not each.is_over]
    worst = min((SEVERITIES.index(each.severity) for each in found), default=len(SEVERITIES) - 1)
    return sum(each.severity in ("bad", "warn") for each in found), SEVERITIES[worst]

"""Texts of the screens and of the commands' messages that more than one test looks for.

Never imported from qtop: who changes a text there changes it here, once.
"""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """A number with its noun: `1 job`, `2,000 jobs`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


# On every screen

FROZEN = "FROZEN"
SECRETS_SHOWN = "SECRETS SHOWN"
REDACTED = "[redacted]"
CANCEL = "Cancel"
READ_ONLY = "read-only: nothing is changed"
NOTHING_CHANGED = "nothing was changed"
NOT_NOW_REFUSED = "not now: no answer from Redis: connection refused"
NO_ANSWER_FROM_REDIS = "no answer from redis"
PAUSED = "PAUSED"
NOTHING_UNDER_WAY = "nothing running to stop"
STOP_KEY = "x stops"
IF_TERMINAL_ALLOWS = "if your terminal lets it"
EVERYWHERE = "Everywhere"
PAUSE_ALL_KEY = "P pause all"
PAUSE_HELP = "Pause the queue under the cursor"
NO_MATCH = "Nothing matches the filter"
NO_MATCH_ESCAPE = "Nothing matches the filter; esc takes it away."
MARKED_GONE = "the marked rows are no longer listed: nothing was changed"
EXPORT_TITLE = "Export jobs to a file"


def has_size(columns: int, lines: int) -> str:
    """On the page for a too small terminal: the size that it has."""
    return f"has {columns}x{lines}"


def match(number: int) -> str:
    """How many jobs of a list match, while it is searched."""
    return f"{number:,} match"


def marked(number: int, elsewhere: int) -> str:
    """How many rows are marked, and how many of them are on other pages."""
    return f"{number:,} marked, {elsewhere:,} on other pages"


def marked_elsewhere(number: int) -> str:
    """In a question: how many of the marked rows are on other pages."""
    return f"{number:,} of them {'is' if number == 1 else 'are'} on other pages"


# What actions ask and report


def question(verb: str, number: int, noun: str) -> str:
    """The title of a question about so many things."""
    return f"{verb} {counted(number, noun)}?"


def type_to_go_on(word: str) -> str:
    """The request of a question that is answered with a word."""
    return f'Type "{word}" to confirm'


def done(verb: str, number: int) -> str:
    """The beginning of a report."""
    return f"{verb} {number:,}"


def outcome(verb: str, number: int, *, gone: int = 0, refused: int = 0) -> str:
    """The whole report of what an action did to each of its jobs."""
    text = done(verb, number)
    text += f", skipped {gone:,} (already gone)" if gone else ""
    return text + (f", refused {refused:,}" if refused else "")


def deleted_from(number: int, name: str) -> str:
    """The report of a list that was cleared."""
    return f"deleted {counted(number, 'job')} from {name}"


def paused(what: str) -> str:
    """The report of a pause."""
    return f"paused {what}"


def resumed(what: str) -> str:
    """The report of a resume."""
    return f"resumed {what}"


UNDONE = "undone"
NOTHING_TO_UNDO = "nothing to undo"
CANNOT_UNDO = "Cannot be undone"
CANNOT_BE_UNDONE = "cannot be undone"


def undone(number: int, what: str) -> str:
    """The report of an undo that brought back all of them."""
    return f"{UNDONE}: {what}" if number == 1 else f"{UNDONE} {number:,} of {number:,}: {what}"


# Overview

NOTHING_IS_WRONG = "No problems detected"
UNSERVED = "no live workers"


def unserved(queue: str) -> str:
    """The incident of a queue without a worker."""
    return f"{queue}: {UNSERVED}"


# Queues, and the jobs of one

CLEAR_QUEUE = "Clear queue"
LARGE = "(large)"
OLDEST_AGE = "oldest age"


def jobs(first: int, last: int, total: int) -> str:
    """The beginning of the title of a page of waiting jobs."""
    return f"jobs {first:,} to {last:,} of {total:,}"


def waiting(first: int, last: int, total: int) -> str:
    """The title of a page of waiting jobs."""
    return f"{jobs(first, last, total)} waiting"


def unreadable(first: int, last: int, total: int) -> str:
    """The title of a page of unreadable items."""
    return f"items {first:,} to {last:,} of {total:,} unreadable"


def clears(number: int, queue: str) -> str:
    """In a question: what clearing a queue deletes."""
    verb = "waits" if number == 1 else "wait"
    return f"Deletes the {counted(number, 'job')} that {verb} in {queue} now"


# Workers

NO_LONGER_REGISTERED = "no longer registered"
GETS_QUIT = "It gets SIGQUIT: finishes its job, then ends."


def signalled(signal: str, effect: str) -> str:
    """The report of a signal that one worker of this machine got: what it does on it."""
    return f"sent {signal} to 1 worker: {effect}"


def pruned(number: int, *, failed: int = 0, skipped: int = 0) -> str:
    """The report of workers that were pruned."""
    text = f"pruned {counted(number, 'worker')}"
    text += f"; {counted(failed, 'job')} moved to Failed" if failed else ""
    return text + (f"; skipped {skipped:,} (heartbeat returned)" if skipped else "")


def pruned_holding(worker: str) -> str:
    """The line of a command on a worker that was pruned, and whose job became a failure."""
    return f"pruned {worker}: its job moved to Failed\n"


# Failed

NO_FAILED_JOBS = "No failed jobs."


def groups(number: int, failed: int) -> str:
    """The title of the list of groups."""
    return f"{counted(number, 'group')} of {counted(failed, 'failed job')}"


def entries(first: int, last: int, total: int) -> str:
    """The title of a page of failed jobs."""
    return f"entries {first:,} to {last:,} of {total:,}"


# Scheduled

NO_DELAYED_JOBS = "No delayed jobs: add one with"
NO_SCHEDULES = "No schedules in Redis"


def of_jobs(number: int, total: int) -> str:
    """How many of the delayed jobs are listed."""
    return f"{number:,} of {counted(total, 'job')}"


# Local

FINISH_AND_STOP = "Finish and stop"
LEAVE_RUNNING = "Leave running"
START_TITLE = "Start workers on this machine?"
WAITING_FOR_WORKERS = "Waiting for workers"
ENDED_BY_TERM = "ended by SIGTERM"
NOT_FOLLOWING = "not following"


def started(number: int) -> str:
    """The report of workers that were started."""
    return f"started {number:,} here"


# Commands

LIMIT_SHOWS_ALL = "--limit 0 shows all"
SAY_YES = "say --yes"
NOTHING_MATCHES = "nothing matches"

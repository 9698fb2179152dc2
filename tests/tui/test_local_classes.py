"""Whether a worker of our own would know the waiting classes."""

from qtop.actions.request import QueueClasses
from qtop.local.import_check import unknown_classes


def test_a_worker_that_knows_all_waiting_classes_may_start() -> None:
    assert (
        unknown_classes([QueueClasses("mail", ("A", "::B")), QueueClasses("idle")], {"A", "B"})
        is None
    )
    assert unknown_classes([QueueClasses("unread")], set()) is None


def test_the_classes_that_it_lacks_are_named_with_their_queues() -> None:
    waiting = [QueueClasses(f"q{n}", ("A", f"Lacking{n}")) for n in range(5)]
    why = unknown_classes(waiting, {"A"}) or ""
    assert "q0: Lacking0; q1: Lacking1; q2: Lacking2; and in 2 more queues" in why
    assert "q3" not in why

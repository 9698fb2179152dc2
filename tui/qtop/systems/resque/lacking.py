"""What Resque lacks that others have, in words."""

from __future__ import annotations

from typing import Final

NO_DEAD: Final = "Resque keeps no dead jobs: what failed stays until it is requeued or deleted"
NO_RETRIES: Final = "Resque does not try failed jobs again by itself: requeue them"

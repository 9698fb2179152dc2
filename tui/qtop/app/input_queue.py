"""Keys, one after the other: each meets what the one before it has made of the console."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from textual import events
from textual.app import App, ScreenStackError
from textual.message import Message
from textual.message_pump import MessagePump
from textual.timer import Timer

#: How often `Followed` goes the way of its key, until everything that the key caused is done: a
#: field sends itself a message that its text has changed, then its screen, which filters by it.
_WAYS: Final = 3
_LOOK_AFTER_S: Final = 0.1
#: More waiting keys than these were not typed by a person, and would act for minutes.
_MOST_TYPED: Final = 1_000
#: After so many looks the next key goes on: a second.
_MOST_LOOKS: Final = 10


class Followed(Message):
    """Sent after a key, on its way: where this arrives, the key has been."""

    def __init__(self, number: int, ways_left: int) -> None:
        self.number = number
        self.ways_left = ways_left
        super().__init__()


class InputQueue:
    """Passes no key on before the one ahead of it has done its work.

    Textual hands a key at once to the widget that has the focus, and learns only when it comes back
    from there what it does. Of keys that come together, as over a slow line, all would go to the
    widget that had the focus when the first one came: letters typed after `/` would act on the
    list, and keys typed after `enter` would go into the filter.

    Args:
        app: Gets the keys. It hands over its events (`on_event`) and `Followed` (`on_followed`).
    """

    def __init__(self, app: App[None]) -> None:
        self._app = app
        self._typed: deque[events.Key | events.Paste] = deque()
        self._number = 0
        self._follower: MessagePump | None = None
        self._watch: Timer | None = None
        self._looked_after = 0

    async def on_event(self, event: events.Event) -> None:
        """Keep what is typed until its turn comes; pass all else on."""
        if not isinstance(event, events.Key | events.Paste):
            await App.on_event(self._app, event)
            return
        if self._is_over:
            return
        with self._unless_over():
            if event.is_forwarded:
                await App.on_event(self._app, event)
                return
            if len(self._typed) < _MOST_TYPED:
                self._typed.append(event)
            if self._follower is None:
                await self._next()
            elif self._watch is None:
                self._watch = self._app.set_interval(_LOOK_AFTER_S, self._look_after)

    async def on_followed(self, message: Followed) -> None:
        """Take the same way once more, or go on to the next key."""
        message.stop()
        if message.number == self._number and not self._is_over:
            with self._unless_over():
                if message.ways_left:
                    self._follow(message.ways_left)
                else:
                    await self._next()

    async def _next(self) -> None:
        """Pass the next key on, if there is one."""
        self._follower = None
        self._looked_after = 0
        if self._typed:
            self._number += 1
            await App.on_event(self._app, self._typed.popleft())
            self._follow(_WAYS)
        elif self._watch is not None:
            self._watch.stop()
            self._watch = None

    def _follow(self, ways: int) -> None:
        message = Followed(self._number, ways - 1)
        self._follower = self._app.focused or self._app.screen
        if not self._follower.post_message(message):
            self._follower = self._app
            self._app.post_message(message)

    async def _look_after(self) -> None:
        """A screen that is left takes with it what was on its way through it; one that is busy for
        long keeps no key for longer than a person waits."""
        if self._is_over:
            return
        self._looked_after += 1
        is_held = self._follower is not None and self._looked_after > _MOST_LOOKS
        if is_held or (self._follower is not None and not self._follower.is_attached):
            with self._unless_over():
                await self._next()

    @property
    def _is_over(self) -> bool:
        """Whether the console ends: what was typed ahead could only open screens that are never
        closed."""
        return self._app._exit or not self._app.is_running

    @contextmanager
    def _unless_over(self) -> Iterator[None]:
        """A key that is under way when the end comes finds no screen any more."""
        try:
            yield
        except ScreenStackError:
            if self._app.children:
                raise

"""The private server that a worker may be on: it keeps it alive, and stops it when it is the last
to leave."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuecore.server import PrivateServer


def hold(url: str) -> PrivateServer | None:
    """Count as a user of this user's private server, if the URL leads there. A process that leaves
    for good closes what this returns; one that may be started again does not, and the server
    notices its end all the same. Raises NoServer when its folder cannot be used."""
    socket = url.removeprefix("unix://").partition("?")[0]
    users = os.path.join(os.path.dirname(socket), "users")
    if not url.startswith("unix:") or not os.path.exists(users):
        # Another server on a socket. What follows would cost every fork.
        return None
    from queuecore.server import PrivateServer

    server = PrivateServer.at(url)
    if server is not None:
        server.hold()
    return server

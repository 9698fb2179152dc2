"""The private server: a Redis or Valkey of one's own, for people who have none.

It lives in one folder that only its owner can enter: no TCP port, no password, no configuration
file, nothing with a guessable name in a shared place.

    s            the socket
    lock         locked by the process that starts or stops the server, one at a time
    users        locked, shared, by every process that uses the server
    server.lock  locked by the server itself: it inherits the locked file and knows nothing of it
    server.log, server.pid, appendonlydir/    the server's own

All locks are flock(2): the kernel lets go of them however a process ends, also by SIGKILL.

The stop rule: a process that closes looks whether another one still holds `users`; if not, it stops
the server, which writes its data first. If every user was killed the server stays, the next
`ensure()` adopts it with all its data, and the rule applies again."""

from queuecore.server.folder import default_folder
from queuecore.server.private import PrivateServer, Status
from queuecore.server.process import Binary, bundled_binary, find_binary

__all__ = [
    "Binary",
    "PrivateServer",
    "Status",
    "bundled_binary",
    "default_folder",
    "find_binary",
]

"""Why a server closes the connections that it takes."""

from __future__ import annotations

import socket

from queuecore.address import Address

#: A server that has no room says so at once.
_PATIENCE_S = 0.25
_MOST_BYTES = 1_024


def last_words(address: Address) -> str:
    """What a server says to a client that sends nothing, before it closes the connection: as
    Redis words it (`ERR max number of clients reached`), or nothing. A client that sends first may
    lose these words. Costs a connection, and a quarter of a second where the server says nothing;
    of Sentinels and TLS, which cannot be asked like this, nothing."""
    if address.sentinels or address.tls:
        return ""
    try:
        with _connected(address) as link:
            said = link.recv(_MOST_BYTES)
    except OSError:
        return ""
    line = said.partition(b"\r\n")[0]
    return line[1:].decode("utf-8", "replace") if line.startswith(b"-") else ""


def _connected(address: Address) -> socket.socket:
    if address.path is None:
        return socket.create_connection((address.host, address.port), _PATIENCE_S)
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    link.settimeout(_PATIENCE_S)
    try:
        link.connect(address.path)
    except OSError:
        link.close()
        raise
    return link

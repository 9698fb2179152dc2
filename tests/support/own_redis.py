"""A Redis for one test: it may be stopped, frozen, filled and restarted."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import hiredis
from tests.support.direct import Direct
from tests.support.waiting import PATIENCE_S, eventually


class OwnRedis:
    """One server on a private socket. `options` are those of its command line."""

    def __init__(self, binary: Path, *options: str) -> None:
        # Not tmp_path: a socket in there may be too long for the kernel.
        self.folder = Path(tempfile.mkdtemp(prefix="q"))
        self.socket = self.folder / "s"
        self.url = f"unix://{self.socket}?db=0"
        self._binary = binary
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, or start it again, and wait until it answers."""
        folder = str(self.folder)
        fixed = ["--port", "0", "--unixsocket", str(self.socket), "--dir", folder, "--save", ""]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._binary), *fixed, *self._options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        eventually(self._answers, "the test's own server answers")

    def _answers(self) -> bool:
        try:
            with Direct(self.socket) as direct:
                return bool(direct("PING") == b"PONG")
        except hiredis.ReplyError as error:
            return str(error).startswith("NOAUTH")
        except OSError:
            return False

    def direct(self) -> Direct:
        """A connection to it; the caller closes it."""
        return Direct(self.socket)

    def send(self, number: signal.Signals) -> None:
        """Send the server a signal: STOP freezes it, CONT lets it go on."""
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> None:
        """Shut it down, so that its files are complete."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(PATIENCE_S)

    def end(self) -> None:
        """End it at once and delete its folder."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

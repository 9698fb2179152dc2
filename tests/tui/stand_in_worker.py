"""A stand-in for a worker: QUIT ends it after its job, TERM at once. Prints what happens to it."""

import os
import signal
import sys
import time
from types import FrameType

finish_file = sys.argv[1]


def quit_warmly(number: int, frame: FrameType | None) -> None:
    print("finishing", flush=True)
    # The job is done when the test says so.
    while not os.path.exists(finish_file):
        time.sleep(0.01)
    sys.exit(0)


signal.signal(signal.SIGQUIT, quit_warmly)
if "--stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", sys.argv[2], os.environ["REDIS_URL"], "PIDFILE" in os.environ, flush=True)
while True:
    time.sleep(1)

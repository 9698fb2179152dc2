"""A stand-in for a worker of another language: queues and Redis from the environment, QUIT ends it
after its job, TERM at once, USR2 pauses it, CONT lets it go on. Prints what happens to it.

    stand_in_worker.py FINISH_FILE [--stubborn] [--dies] [--floods]
"""

import os
import signal
import sys
import time
from types import FrameType

LONGEST_LIFE_S = 300.0

finish_file, *flags = sys.argv[1:]


def quit_warmly(number: int, frame: FrameType | None) -> None:
    print("finishing", flush=True)
    # The job is done when the test says so.
    while not os.path.exists(finish_file):
        time.sleep(0.01)
    sys.exit(0)


def say(word: str) -> None:
    signal.signal(
        signal.SIGUSR2 if word == "paused" else signal.SIGCONT,
        lambda number, frame: print(word, flush=True),
    )


signal.signal(signal.SIGQUIT, quit_warmly)
if "--stubborn" in flags:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
say("paused")
say("goes on")
told = f"{os.environ['QUEUES']} {os.environ['REDIS_URL']} {'PIDFILE' in os.environ}"
# In one write: without a buffer, each argument of print would be written alone, and a reader that
# waits for the first word would read half a line.
print(f"ready {told}", flush=True)
if "--dies" in flags:
    print("\x1b]52;c;aGk=\x07 FATAL it cannot go on", flush=True)
    sys.exit(7)
number = 0
began_s = time.monotonic()
# Workers that shall outlive their console would also outlive a test that is killed.
while time.monotonic() - began_s < LONGEST_LIFE_S:
    if "--floods" in flags:
        lines = (f"INFO line {n} of a flood that never ends" for n in range(number, number + 1000))
        print("\n".join(lines), flush=True)
        number += 1000
        time.sleep(0.01)
    else:
        time.sleep(1)

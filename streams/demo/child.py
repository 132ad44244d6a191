"""The worker of the demo, as a process that cannot outlive it: `python -m streams.demo.child ARGUMENTS`.

The demo holds the other end of standard input. When the demo dies, however it dies, the pipe closes and
the worker ends; its broker is gone anyway.
"""

import os
import sys
from threading import Thread

from streams.cli import main


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(3)


if __name__ == "__main__":
    Thread(target=_end_with_parent, name="demo-watch", daemon=True).start()
    main()

"""`beckon ARGUMENTS` as a process that cannot outlive its parent: `python -m streams.demo.child ARGUMENTS`.

The demo, or the stack, holds the other end of standard input. When it dies, however it dies, the pipe closes
and the process ends; its broker is gone anyway.
"""

import os
from threading import Thread

from streams.cli import main


def _end_with_parent() -> None:
    # Not through sys.stdin: its lock, held here, would be a fatal error when the process ends by itself.
    while os.read(0, 1024):
        pass
    os._exit(3)


if __name__ == "__main__":
    Thread(target=_end_with_parent, name="parent-watch", daemon=True).start()
    main()

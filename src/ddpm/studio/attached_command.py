"""A command of `ddpm` that ends with the process that started it.

`python -m ddpm.studio.attached_command WORDS` runs `ddpm WORDS` until it is done or its standard input is
closed, which happens when the server cancels it, ends or is killed. It is interrupted as by Ctrl-C, so that
it deletes its temporary files.
"""

from __future__ import annotations

import _thread
import os
import runpy
import threading
import time

from ddpm import terminal

LINE_INTERVAL = 1.0  # seconds between lines of progress, which the page shows
GRACE_SECONDS = 10.0  # for an interrupted command to end
INTERRUPTED = 130  # exit status


def main() -> None:
    """Run the command of `sys.argv`."""
    threading.Thread(target=_end_with_input, daemon=True).start()
    terminal.LINE_INTERVAL = LINE_INTERVAL
    runpy.run_module("ddpm", run_name="__main__", alter_sys=True)


def _end_with_input() -> None:
    """Interrupt the command at the end of standard input; end the process if that does not."""
    while os.read(0, 1024):
        pass
    _thread.interrupt_main()
    time.sleep(GRACE_SECONDS)
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()

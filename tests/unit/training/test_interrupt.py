"""Two Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from pellucid.training.interrupt import interruptible


def test_the_first_is_noted_and_the_handler_is_put_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with interruptible() as interrupt:
        assert not interrupt.requested
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
        assert interrupt.requested
    assert signal.getsignal(signal.SIGINT) is before


def test_the_second_leaves_at_once_with_130() -> None:
    code = (
        "import os, signal\nfrom pellucid.training.interrupt import interruptible\n"
        "with interruptible():\n    os.kill(os.getpid(), signal.SIGINT)\n    os.kill(os.getpid(), signal.SIGINT)\n"
        "    raise SystemExit(7)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 130
    assert "Stopping after this step" in done.stderr


def test_requests_of_the_giver_of_work_are_one_and_last() -> None:
    code = (
        "import os, signal\nfrom pellucid.training.interrupt import interruptible, stop_on_request\n"
        "stop_on_request()\nwith interruptible() as interrupt:\n    assert not interrupt.requested\n"
        "    for _ in range(3):\n        os.kill(os.getpid(), signal.SIGUSR1)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n    assert interrupt.requested\n"
        "with interruptible() as later:\n    assert later.requested\nraise SystemExit(7)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 7

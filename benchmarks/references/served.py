"""A training that waits for orders on stdin, so that trainings of several kinds can be timed in turn.

`epoch` trains over the images once and answers with the seconds, `test` with the accuracy on the test images.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable


def serve(epoch: Callable[[], object], test: Callable[[], float], **about: object) -> None:
    print(json.dumps(about), flush=True)
    for line in sys.stdin:
        if line.strip() == "epoch":
            start = time.perf_counter()
            epoch()
            print(json.dumps(time.perf_counter() - start), flush=True)
        else:
            print(json.dumps(test()), flush=True)

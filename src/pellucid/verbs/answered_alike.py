"""Whether runs answered the same test images, so that their answers can be set side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def answered_alike(tests: Sequence[tuple[Mapping[str, Any], NDArray[np.int64]]]) -> bool:
    """Whether all are the same test images in the same order, however these were seen.

    tests: of each run the manifest and the labels of its test images. Labels alone tell published sets, whose classes
    are mixed. Those of a folder stand class by class, alike for every draw: there the names of the files tell, which
    runs keep since they were asked for; where one has none the labels have to do.
    """
    files = {manifest["test_files"] for manifest, _ in tests if "test_files" in manifest}
    return len(files) <= 1 and all(np.array_equal(labels, tests[0][1]) for _, labels in tests)

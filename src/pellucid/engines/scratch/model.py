"""A network that can be asked: weights in, logits out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pellucid.engines.engine import Arrays
from pellucid.engines.scratch.layer import Array, batch_first
from pellucid.engines.scratch.network import Sequential
from pellucid.images import Images, Scaling

#: Images of one evaluation batch.
EVALUATION_BATCH = 250


class Model:
    """Layers with the scaling of their images."""

    def __init__(self, module: Sequential, scaling: Scaling) -> None:
        self.module, self.scaling = module, scaling
        self._scale, self._shift = (
            np.asarray(values, module.vector.dtype)[:, None, None, None] for values in (scaling.scale, scaling.shift)
        )

    def input(self, pixels: NDArray[np.uint8]) -> Array:
        """What the network sees of uint8 pixels N H W C: floats N C H W, in memory C H W N."""
        floats = pixels.transpose(3, 1, 2, 0).astype(self._scale.dtype, order="C")
        floats *= self._scale
        if self._shift.any():
            floats += self._shift
        return batch_first(floats)

    def logits(self, images: Images) -> NDArray[np.float32]:
        """Logits N x classes, float32, in evaluation mode."""
        self.module.train(False)
        try:
            found = [
                self.module.forward(self.input(images.pixels[start : start + EVALUATION_BATCH]))
                for start in range(0, len(images), EVALUATION_BATCH)
            ]
        finally:
            self.module.train(True)
        return np.concatenate(found).astype(np.float32, copy=False)

    def weights(self) -> Arrays:
        """Parameters and buffers by name; copies."""
        return self.module.weights()

    def load_weights(self, arrays: Arrays) -> None:
        """Raises SpecError where names or shapes are not the network's."""
        self.module.load(arrays)

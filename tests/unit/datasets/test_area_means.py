"""Smaller images: means over areas, the same bytes from arrays and tensors."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.datasets._area_means import area_means


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 13), st.integers(1, 13), st.integers(1, 13), st.integers(1, 13), st.sampled_from([1, 3]))
def test_pixels_are_the_rounded_means_over_their_areas(
    height: int, width: int, rows: int, columns: int, channels: int
) -> None:
    pixels = np.random.default_rng(height).integers(0, 256, (2, height, width, channels), dtype=np.uint8)
    # every pixel as rows x columns small ones: then each area is a whole number of them
    fine = pixels.repeat(rows, 1).repeat(columns, 2).astype(np.int64)
    sums = fine.reshape(2, rows, height, columns, width, channels).sum((2, 4))
    expected = (2 * sums + height * width) // (2 * height * width)
    found = area_means(pixels, rows, columns)
    assert found.dtype == np.uint8 and (found == expected).all()
    tensor = area_means(torch.from_numpy(pixels), rows, columns)
    assert tensor.dtype == torch.uint8 and (tensor.numpy() == found).all()


def test_one_colour_stays_as_it_is() -> None:
    for value in range(256):
        pixels = np.full((1, 32, 32, 1), value, np.uint8)
        assert (area_means(pixels, 25, 25) == value).all()

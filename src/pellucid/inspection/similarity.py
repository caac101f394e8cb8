"""Which layers of one network, or of two, say the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.displays.heatmap import Heatmap
from pellucid.errors import UsageError
from pellucid.images import Images
from pellucid.inspection._layers import IDLE, layers
from pellucid.inspection._subject import Subject, forward, watched


def similarity(model: Any, images: Any, *, other: Any = None, n: int = 1_000) -> Heatmap:
    """Linear CKA between every two layers: 1 where one is the other turned and scaled, 0 where they share nothing.

        CKA(X, Y) = <K, L> / (|K| |L|),  K = X X^T, L = Y Y^T, both centred by rows and columns

    with X and Y the features of n images, each image a row; one layer's features are held at a time, in float64.
    other: a second network; by default the network with itself. n: the first images.

    Source: Kornblith et al. 2019 (kornblith2019 in docs/bibliography.bib).

    Raises UsageError for fewer than three images.
    """
    if min(n, len(images)) < 3:
        raise UsageError(f"n: expected three images or more, found {min(n, len(images))}.")
    first = Subject.of(model)
    given = images.take(np.arange(min(n, len(images)))) if isinstance(images, Images) else images[:n]
    own = _kernels(first, given)
    theirs = own if other is None else _kernels(Subject.of(other), given)
    values = np.array([[float((a * b).sum()) for b in theirs.values()] for a in own.values()])
    return Heatmap(
        values,
        list(own),
        list(theirs),
        row_title="layer",
        column_title="layer" if other is None else "layer of the other network",
        value_title="linear CKA",
        texts=[[f"{value:.2f}" for value in row] for row in values],
        title=f"Likeness of layers over {len(given):,} images",
    )


def _kernels(subject: Subject, images: Any) -> dict[str, NDArray[np.float64]]:
    """Of every layer but those that only reshape: the centred Gram matrix N x N over its norm."""
    x = next(subject.batches(images, 1))[1]
    wanted = [one.name for one in layers(subject, x) if one.kind not in IDLE]
    kernels = {}
    for name in wanted:  # one layer at a time: the features of all would not fit
        kept: list[Tensor] = []

        def see(called: str, value: Tensor, name: str = name, kept: list[Tensor] = kept) -> None:
            if called == name:
                # a copy: what comes next in the network may change the values in place
                kept.append(value.flatten(1).cpu().clone())

        with subject.quiet(), torch.inference_mode(), watched(subject.module, see):
            for _, batch in subject.batches(images):
                forward(subject, batch)
        features = torch.cat(kept).double()
        gram = (features @ features.T).numpy()
        centred = gram - gram.mean(0) - gram.mean(1)[:, None] + gram.mean()
        norm = np.linalg.norm(centred)
        kernels[name] = centred / norm if norm > 0 else centred
    return kernels

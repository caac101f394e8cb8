"""The images as a layer arranges them, in the plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from pellucid.displays.display import Display
from pellucid.displays.image_grid import ImageGrid
from pellucid.displays.page import Page
from pellucid.displays.scatter import Scatter
from pellucid.displays.table import Table
from pellucid.errors import UsageError, unknown_name
from pellucid.images import Images
from pellucid.inspection._layers import IDLE, layer_of, layers
from pellucid.inspection._options import Seed
from pellucid.inspection._subject import Subject, output_at

Method = Literal["pca", "tsne"]
#: Pixels of the side of the picture made of images, and components kept before t-SNE.
SIDE, COMPONENTS = 1000, 50


@dataclass(frozen=True)
class EmbeddingPage(Page):
    """array: the points, images x 2. rows: the images' numbers. neighbours: share of same-class nearest ones.

    explained: the two components' share of the variance (PCA); trustworthiness: of the plane.
    """

    array: NDArray[np.float64] | None = None
    rows: NDArray[np.int64] | None = None
    neighbours: float = float("nan")
    trustworthiness: float = float("nan")
    explained: tuple[float, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "images": self.rows,
            "points": self.array,
            "neighbours_of_the_same_class": self.neighbours,
            "trustworthiness": self.trustworthiness,
            "explained_variance": list(self.explained),
        }


def embedding(
    model: Any,
    images: Any,
    *,
    layer: str | None = None,
    method: Method = "pca",
    n: int = 1_000,
    perplexity: float = 30.0,
    seed: Seed = 0,
) -> EmbeddingPage:
    """Images laid out in the plane by a layer's features: images that the network takes for alike lie together.

    method: "pca", the two directions of largest variance, or "tsne", which keeps neighbourhoods and gives distances
    between groups, and their sizes, no meaning (wattenberg2016). Two numbers say how far the plane can be believed:
    the share of each image's 10 nearest ones that are of its class, in the layer itself, and the trustworthiness of
    the plane (venna2001), 1 where neighbours in the plane are neighbours in the layer. layer: by default the one
    before the last. n: of the images, evenly spread over them. perplexity: of t-SNE, about how many neighbours count.

    Sources: Pearson 1901 (pearson1901 in docs/bibliography.bib); t-SNE: vandermaaten2008.

    Raises UsageError for fewer than four images or a perplexity that they cannot have.
    """
    if method not in get_args(Method):
        raise unknown_name("method", method, get_args(Method))
    count = min(n, len(images))
    if count < 4:
        raise UsageError(f"n: expected four images or more, found {count}.")
    if method == "tsne" and not 1 <= perplexity < count:
        raise UsageError(f"perplexity: expected 1 to below {count}, the number of images, found {perplexity:g}.")
    subject = Subject.of(model)
    rows = np.unique(np.linspace(0, len(images) - 1, count).round().astype(np.int64))
    chosen = images.take(rows) if isinstance(images, Images) else images[torch.from_numpy(rows)]
    example = next(subject.batches(chosen, 1))[1]
    if layer is None:
        useful = [one for one in layers(subject, example) if one.kind not in IDLE]
        while len(useful) > 1 and useful[-1].kind == "Scale":  # the logits are before it
            useful.pop()
        layer = useful[-2].name if len(useful) > 1 else useful[-1].name
    info = layer_of(subject, example, layer)
    features = _features(subject, chosen, info.name)
    points, explained, axes = _plane(features, method, perplexity, seed)
    names = chosen.class_names if isinstance(chosen, Images) else ()
    labels = chosen.labels if isinstance(chosen, Images) else np.zeros(len(rows), np.int64)
    groups = [names[label] for label in labels] if names else []
    trust = _trustworthiness(features, points)
    same = _neighbours(features, labels) if names else float("nan")
    facts = [("trustworthiness of the plane (10 nearest)", round(trust, 3))]
    if names:
        facts.insert(0, ("10 nearest in the layer that are of the same class", f"{100 * same:.1f} %"))  # type: ignore[arg-type]
    if explained:
        shares = f"{100 * explained[0]:.0f} % and {100 * explained[1]:.0f} %"
        facts.append(("variance along the two axes", shares))  # type: ignore[arg-type]
    displays: list[Display] = [
        Table(("what", "value"), facts),
        Scatter(
            points[:, 0].tolist(),
            points[:, 1].tolist(),
            groups,
            [f"image {row}" for row in rows],
            *axes,
            title=f"{info.name} ({info.shape_text}), {'PCA' if method == 'pca' else 't-SNE'}",
        ),
        ImageGrid(_picture(subject.bytes(chosen), points)[None], title="The same with the images at their places"),
    ]
    return EmbeddingPage(
        displays,
        title=f"Embedding of {len(rows):,} images at {info.name}",
        array=points,
        rows=rows,
        neighbours=same,
        trustworthiness=trust,
        explained=explained,
    )


def _features(subject: Subject, images: Any, layer: str) -> NDArray[np.float32]:
    """N x F, one row an image."""
    found: NDArray[np.float32] | None = None
    with subject.quiet(), torch.inference_mode():
        for start, x in subject.batches(images):
            part = output_at(subject, x, layer).flatten(1).float().cpu().numpy()
            if found is None:  # filled in place: pieces put together at the end would need twice the memory
                found = np.empty((len(images), part.shape[1]), np.float32)
            found[start : start + len(part)] = part
    assert found is not None
    return found


def _plane(
    features: NDArray[np.float32], method: Method, perplexity: float, seed: int
) -> tuple[NDArray[np.float64], tuple[float, ...], tuple[str, str]]:
    """Points N x 2, their shares of the variance, and the titles of the axes."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    if np.ptp(features) == 0 or features.shape[1] < 2:
        raise UsageError(
            f"layer: expected at least two features that differ between images, found {features.shape[1]} "
            f"{'constant' if np.ptp(features) == 0 else ''} feature. Choose another layer."
        )
    kept = min(2 if method == "pca" else COMPONENTS, *features.shape)
    components = PCA(kept, random_state=seed)
    reduced = components.fit_transform(features.astype(np.float64) if features.size < 2**26 else features)
    if method == "pca":
        shares = tuple(float(one) for one in components.explained_variance_ratio_)
        titles = (f"first component ({100 * shares[0]:.0f} %)", f"second component ({100 * shares[1]:.0f} %)")
        return reduced.astype(np.float64), shares, titles
    spread = TSNE(2, perplexity=perplexity, init="pca", random_state=seed, n_jobs=1).fit_transform(reduced)
    return spread.astype(np.float64), (), ("", "")


def _neighbours(features: NDArray[np.float32], labels: NDArray[np.int64], k: int = 10) -> float:
    """Mean share of each image's k nearest others, by Euclidean distance, that have its label."""
    from sklearn.neighbors import NearestNeighbors

    k = min(k, len(features) - 1)
    nearest = NearestNeighbors(n_neighbors=k).fit(features).kneighbors(return_distance=False)
    return float((labels[nearest] == labels[:, None]).mean())


def _trustworthiness(features: NDArray[np.float32], points: NDArray[np.float64]) -> float:
    from sklearn.manifold import trustworthiness

    return float(trustworthiness(features, points, n_neighbors=min(10, max(1, len(points) // 2 - 1))))


def _picture(pixels: NDArray[np.uint8], points: NDArray[np.float64]) -> NDArray[np.uint8]:
    """uint8 H W C: each image in the cell of its place; where it is taken, it is left out."""
    height, width, channels = pixels.shape[1:]
    cells = max(4, int(1.6 * np.ceil(np.sqrt(len(pixels)))))
    zoom = max(1, SIDE // (cells * max(height, width)))
    cells = min(cells, max(4, SIDE // (zoom * max(height, width))))
    low, span = points.min(0), np.maximum(np.ptp(points, axis=0), 1e-12)
    place = ((points - low) / span * (cells - 1)).round().astype(int)
    whole = np.full((cells * height, cells * width, channels), 255, np.uint8)
    taken = np.zeros((cells, cells), bool)
    for k, (column, row) in enumerate(place):
        row = cells - 1 - row
        if not taken[row, column]:
            taken[row, column] = True
            whole[row * height : (row + 1) * height, column * width : (column + 1) * width] = pixels[k]
    return whole.repeat(zoom, axis=0).repeat(zoom, axis=1)

"""Whether the first filters waste or fold what the image holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.displays.bars import Bars
from pellucid.displays.display import Display
from pellucid.displays.page import Page
from pellucid.displays.table import Table
from pellucid.inspection._kernels import DEAD, Kernels, kernels
from pellucid.inspection._subject import Subject

#: Filters that are drawn; points of the transform; a dominant filter's norm in median norms; a share worth a change.
MOST, POINTS, DOMINANT, MUCH = 64, 32, 3.0, 0.25


@dataclass(frozen=True)
class AliasingPage(Page):
    """Diagnosis, table and bars; shares: of each filter's energy at or above the limit, NaN where it has none."""

    kernels: Kernels = field(kw_only=True)
    shares: NDArray[np.float64] = field(kw_only=True)
    dominant: NDArray[np.bool_] = field(kw_only=True)
    numbers: dict[str, Any] = field(kw_only=True)
    diagnosis: Sequence[tuple[str, str, str]] = ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "layer": self.kernels.layer.name,
            **self.numbers,
            "norms": self.kernels.norms,
            "shares": self.shares,
            "dead": self.kernels.dead,
            "dominant": self.dominant,
            "diagnosis": [dict(zip(("what", "found", "try"), one, strict=True)) for one in self.diagnosis],
        }


def aliasing(model: Any, images: Any, *, layer: str | None = None) -> AliasingPage:
    """Dead and dominant filters of a layer, what its stride aliases, and which change that suggests.

        share_k = sum of |F w_k|^2 where |u| >= 1 / (2 s) or |v| >= 1 / (2 s), divided by the sum over all u, v

    F is the transform of the kernel, padded with zeros to 32x32; u, v are in cycles per pixel of the layer's input,
    s is its stride along each axis. What lies there cannot be told apart after the stride from something of lower
    frequency: with a stride of 1 that is nothing. In cycles per image pixel the limit is 1 / (2 * total stride).
    Filters of noise have the share of the plane that lies there, which is given to compare with. Dead: norm below
    0.001 of the median. Dominant: above 3 times the median. layer: by default the first convolution. `images` are
    only passed through, to meet the layers.

    Source: the changes to the first layer in Zeiler and Fergus 2014, section 4.1 (zeiler2014 in
    docs/bibliography.bib).

    Raises UsageError where there is no such layer.
    """
    found = kernels(Subject.of(model), images, layer)
    shares, overall, noise = energy_above(found.weights, found.stride, found.dilation)
    median = float(np.median(found.norms))
    dominant: NDArray[np.bool_] = (found.norms > DOMINANT * median) & ~found.dead
    total = None
    if found.layer.field is not None:
        total = (found.layer.field.height.stride, found.layer.field.width.stride)
    numbers = {
        "stride": list(found.stride),
        "total_stride": None if total is None else list(total),
        "limit": [1 / (2 * step) for step in total or found.stride],
        "share": overall,
        "share_of_noise": noise,
    }
    diagnosis = [_stride(found, total, overall, noise), _dead(found), _dominant(found, dominant)]
    name = found.layer.name
    subsampled = max(found.stride) > 1
    ranked = np.argsort(-np.nan_to_num(shares, nan=-1) if subsampled else -found.norms, kind="stable")[:MOST]
    shown = np.sort(ranked)
    some = f", {len(shown)} of {len(found)}" if len(shown) < len(found) else ""
    rms = found.norms / np.sqrt(max(found.weights[0].size, 1))
    table = Table(
        ("filter", "norm", "RMS", "above the limit", "state"),
        [
            (
                str(k),
                float(found.norms[k]),
                float(rms[k]),
                None if np.isnan(shares[k]) else f"{100 * shares[k]:.1f} %",
                "dead" if found.dead[k] else "dominant" if dominant[k] else "",
            )
            for k in shown
        ],
        title=f"{name}: filters of {found.size_text}{some}",
    )
    displays: list[Display] = [
        Table(("what", "found", "try"), diagnosis, title=f"{name}: diagnosis"),
        Page([table, _bars(found, shares, shown, noise, some)], columns=2),
    ]
    return AliasingPage(
        displays,
        title=f"Aliasing and idle filters of {name}",
        kernels=found,
        shares=shares,
        dominant=dominant,
        numbers=numbers,
        diagnosis=diagnosis,
    )


def energy_above(
    weights: NDArray[np.float64], stride: tuple[int, int], dilation: tuple[int, int] = (1, 1)
) -> tuple[NDArray[np.float64], float, float]:
    """Share of the energy at or above the limit of `stride`: of each filter, of all together, of noise."""
    filters, channels, height, width = weights.shape
    size = ((height - 1) * dilation[0] + 1, (width - 1) * dilation[1] + 1)
    spread = np.zeros((filters, channels, *size))
    spread[:, :, :: dilation[0], :: dilation[1]] = weights
    points = [max(POINTS, 1 << (side - 1).bit_length()) for side in size]
    energy = (np.abs(np.fft.fft2(spread, points)) ** 2).sum(1)
    above = [
        np.abs(np.fft.fftfreq(count)) >= 1 / (2 * step) if step > 1 else np.zeros(count, bool)
        for count, step in zip(points, stride, strict=True)
    ]
    outside = above[0][:, None] | above[1]
    part, whole = energy[:, outside].sum(1), energy.sum((1, 2))
    shares = np.divide(part, whole, out=np.full(filters, np.nan), where=whole > 0)
    return shares, float(part.sum() / whole.sum()) if whole.sum() > 0 else 0.0, float(outside.mean())


def _stride(found: Kernels, total: tuple[int, int] | None, overall: float, noise: float) -> tuple[str, str, str]:
    """What the stride costs."""
    own, side = max(found.stride), max(found.weights.shape[2:])
    told = f"stride {_by(found.stride)}"
    if total is not None and total != found.stride:
        told += f" (total stride {_by(total)})"
    if own == 1:
        return ("aliasing", f"{told}: this layer skips no place, so nothing aliases here", "nothing to change")
    cycles = _by(tuple(1 / (2 * step) for step in total or found.stride))
    told += f" loses {100 * overall:.0f} % of the energy (at or above {cycles} cycles per image pixel"
    told += f"; filters of noise: {100 * noise:.0f} %)"
    if overall < MUCH:
        return ("aliasing", told, "nothing to change: the filters are smooth")
    less = (max(1, found.stride[0] // 2), max(1, found.stride[1] // 2))
    then = energy_above(found.weights, less, found.dilation)[1]
    kernel = " and a kernel of 7" if side > 7 else ""
    return ("aliasing", told, f"stride {_by(less)}{kernel}; these filters would then lose {100 * then:.0f} %")


def _dead(found: Kernels) -> tuple[str, str, str]:
    count = int(found.dead.sum())
    told = f"{count} of {len(found)} filters (norm below {DEAD:g} of the median)"
    if not count:
        return ("dead", told, "nothing to change")
    if count == len(found):
        return ("dead", told, "other first weights: the layer passes nothing on")
    return ("dead", f"{told}: {_some(np.flatnonzero(found.dead))}", "a lower learning rate, or fewer filters")


def _dominant(found: Kernels, dominant: NDArray[np.bool_]) -> tuple[str, str, str]:
    count = int(dominant.sum())
    told = f"{count} of {len(found)} filters (norm above {DOMINANT:g} times the median)"
    if not count:
        return ("dominant", told, "nothing to change")
    return (
        "dominant",
        f"{told}: {_some(np.flatnonzero(dominant))}",
        "a bound on each filter's norm (RMS 0.1 in the paper), or more weight decay",
    )


def _some(numbers: NDArray[np.int64]) -> str:
    return ", ".join(map(str, numbers[:8])) + (", ..." if len(numbers) > 8 else "")


def _by(pair: tuple[float, ...]) -> str:
    return f"{pair[0]:.3g}" if pair[0] == pair[1] else f"{pair[0]:.3g}x{pair[1]:.3g}"


def _bars(found: Kernels, shares: NDArray[np.float64], shown: NDArray[np.int64], noise: float, some: str) -> Bars:
    """The shares; norms where no place is skipped and all shares are zero."""
    categories = [str(k) for k in shown]
    if max(found.stride) > 1:
        values = np.nan_to_num(shares[shown]).tolist()
        title = f"Energy that aliases{some} (noise: {100 * noise:.0f} %)"
        return Bars(categories, values, "share of the filter's energy", "filter", title=title, percent=True)
    return Bars(categories, found.norms[shown].tolist(), "norm of the weights", "filter", title=f"Norms{some}")

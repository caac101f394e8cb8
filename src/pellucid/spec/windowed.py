"""Layers that slide a window over the image, as data: convolution and pooling."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

from pellucid.errors import UsageError, unknown_name
from pellucid.spec.layer import Layer, Parameters, Shape, ShapeError, Window, not_negative, pair, positive, shape_text


def image_of(layer: Layer, shape: Shape) -> tuple[int, int, int]:
    """Height, width and channels, or the error that this is no image."""
    if len(shape) != 3:
        raise ShapeError(
            f"expects an image (height x width x channels), receives {shape_text(shape)}",
            f"Move the {layer.kind} layer before flatten, dense and recurrent layers.",
        )
    return shape[0], shape[1], shape[2]


def _counted(layer: Layer, window: Window, shape: Shape) -> tuple[int, int]:
    """Output rows and columns, or the error that the input is too small."""
    height, width, _ = image_of(layer, shape)
    rows, columns = window.count(height, width)
    if rows < 1 or columns < 1:
        axes = list(zip((height, width), window.size, window.padding, strict=True))
        padding = max(p + max((k - n - 2 * p + 1) // 2, 0) for n, k, p in axes)
        raise ShapeError(
            f"expects at least {shape_text(tuple(max(k - 2 * p, 1) for _, k, p in axes))} pixels, "
            f"receives {shape_text(shape)}",
            f"Use larger images (for instance --view resize=28), set padding={padding}, "
            f"or a kernel_size of at most {min(n + 2 * p for n, _, p in axes)}"
            f"{', dilation included' if getattr(layer, 'dilation', 1) != 1 else ''}.",
        )
    return rows, columns


@dataclass(frozen=True)
class Conv(Layer):
    """Convolution: H W C -> H' W' filters, ``y[o] = bias[o] + sum_c weight[o, c] * x[c]`` (cross-correlation).

    padding: pixels of zeros on each side, or "same" (odd kernels at stride 1) or "valid" (none).
    weight: filters x channels/groups x kernel height x kernel width; bias: filters.
    """

    kind: ClassVar[str] = "conv"
    stem: ClassVar[str] = "conv"
    filters: int
    kernel_size: int | tuple[int, int] = 3
    stride: int | tuple[int, int] = 1
    padding: int | tuple[int, int] | str = 0
    dilation: int | tuple[int, int] = 1
    groups: int = 1
    bias: bool = True
    name: str | None = None

    def __post_init__(self) -> None:
        positive(
            self,
            filters=self.filters,
            kernel_size=min(pair(self.kernel_size)),
            groups=self.groups,
            stride=min(pair(self.stride)),
            dilation=min(pair(self.dilation)),
        )
        if not isinstance(self.padding, str):
            not_negative(self, padding=min(pair(self.padding)))
        else:
            if self.padding not in ("same", "valid"):
                raise unknown_name("padding", self.padding, ("same", "valid", "a number of pixels"))
            if self.padding == "same" and (
                pair(self.stride) != (1, 1) or any(k % 2 == 0 for k in pair(self.kernel_size))
            ):
                raise UsageError(
                    f"conv layer: padding 'same' needs an odd kernel_size and stride 1, found kernel_size "
                    f"{self.kernel_size} and stride {self.stride}. Give the padding in pixels."
                )

    def window(self) -> Window:
        kernel, dilation = pair(self.kernel_size), pair(self.dilation)
        height, width = (d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
        if self.padding == "same":
            padding = ((height - 1) // 2, (width - 1) // 2)
        else:
            padding = (0, 0) if isinstance(self.padding, str) else pair(self.padding)
        return Window((height, width), pair(self.stride), padding)

    def output(self, shape: Shape) -> Shape:
        rows, columns = _counted(self, self.window(), shape)
        if shape[2] % self.groups or self.filters % self.groups:
            raise ShapeError(
                f"expects channels and filters that {self.groups} groups divide, receives {shape[2]} channels "
                f"for {self.filters} filters",
                "Change groups or filters.",
            )
        return rows, columns, self.filters

    def parameters(self, shape: Shape) -> Parameters:
        weight = (self.filters, shape[2] // self.groups, *pair(self.kernel_size))
        return {"weight": weight, "bias": (self.filters,)} if self.bias else {"weight": weight}

    def multiply_adds(self, shape: Shape) -> int:
        rows, columns, _ = self.output(shape)
        return rows * columns * prod(self.parameters(shape)["weight"])

    def neurons(self, shape: Shape) -> int:
        return prod(self.output(shape))


@dataclass(frozen=True)
class Whitening(Layer):
    """The image's patches, decorrelated: H W C -> H' W' (2 * size * size * C), a convolution with fixed filters.

    The filters are the eigenvectors of the covariance of patches of training images, each over the root of its
    eigenvalue plus eps times the eigenvalues' mean, and their negatives, so that an activation after it loses
    nothing. They are set before the first step and not trained; the bias, which first takes the mean away, is. For
    the first layer of a network. Source: page2019, in this form jordan2024b (docs/bibliography.bib).
    """

    kind: ClassVar[str] = "whitening"
    stem: ClassVar[str] = "whitening"
    kernel_size: int = 2
    eps: float = 5e-4
    name: str | None = None

    def __post_init__(self) -> None:
        positive(self, kernel_size=self.kernel_size)
        not_negative(self, eps=self.eps)

    def window(self) -> Window:
        return Window(pair(self.kernel_size), (1, 1), (0, 0))

    def output(self, shape: Shape) -> Shape:
        return (*_counted(self, self.window(), shape), 2 * self.kernel_size**2 * shape[2])

    def parameters(self, shape: Shape) -> Parameters:
        return {"bias": (self.output(shape)[2],)}

    def buffers(self, shape: Shape) -> Parameters:
        return {"weight": (self.output(shape)[2], shape[2], *pair(self.kernel_size))}

    def multiply_adds(self, shape: Shape) -> int:
        rows, columns, _ = self.output(shape)
        return rows * columns * prod(self.buffers(shape)["weight"])

    def neurons(self, shape: Shape) -> int:
        return prod(self.output(shape))


@dataclass(frozen=True)
class _Pool(Layer):
    """Shared by the two poolings: a window that slides over each channel alone; stride None means kernel_size."""

    stem: ClassVar[str] = "pool"
    kernel_size: int | tuple[int, int] = 2
    stride: int | tuple[int, int] | None = None
    padding: int | tuple[int, int] = 0
    name: str | None = None

    def __post_init__(self) -> None:
        stride = self.kernel_size if self.stride is None else self.stride
        positive(self, kernel_size=min(pair(self.kernel_size)), stride=min(pair(stride)))
        not_negative(self, padding=min(pair(self.padding)))
        if any(2 * p > k for p, k in zip(pair(self.padding), pair(self.kernel_size), strict=True)):
            raise UsageError(
                f"{self.kind} layer: expected a padding of at most half the kernel_size {self.kernel_size}, "
                f"found {self.padding}."
            )

    def window(self) -> Window:
        kernel = pair(self.kernel_size)
        return Window(kernel, kernel if self.stride is None else pair(self.stride), pair(self.padding))

    def output(self, shape: Shape) -> Shape:
        return (*_counted(self, self.window(), shape), shape[2])


@dataclass(frozen=True)
class MaxPool(_Pool):
    """Largest value in each window: H W C -> H' W' C. Padding counts as minus infinity."""

    kind: ClassVar[str] = "max_pool"


@dataclass(frozen=True)
class AvgPool(_Pool):
    """Mean of each window: H W C -> H' W' C. Padding counts as zeros, and in the mean."""

    kind: ClassVar[str] = "avg_pool"


@dataclass(frozen=True)
class GlobalPool(Layer):
    """One value a channel: H W C -> C, the mean ("avg") or the maximum ("max") over all places."""

    kind: ClassVar[str] = "global_pool"
    stem: ClassVar[str] = "global_pool"
    pool: str = "avg"
    name: str | None = None

    def __post_init__(self) -> None:
        if self.pool not in ("avg", "max"):
            raise unknown_name("pool", self.pool, ("avg", "max"))

    def output(self, shape: Shape) -> Shape:
        return (image_of(self, shape)[2],)

    def window(self) -> None:
        return None

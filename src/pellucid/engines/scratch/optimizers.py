"""The optimizers: how the parameters x follow the gradient g.

All parameters lie in one vector, so that a step is a handful of operations however many layers there are; they are
done in blocks that stay in the processor's cache. For all but AdamW and the two of Muon, weight decay adds
weight_decay x to g.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import sqrt
from typing import Any, ClassVar

import numpy as np

from pellucid.engines.scratch.layer import Array
from pellucid.spec.recipe import Recipe

#: Numbers of a block.
BLOCK = 2**15


class Optimizer:
    """x and g: all parameters and their gradients, one vector each. slots: what is kept beside each parameter."""

    slots: ClassVar[tuple[str, ...]] = ()

    def __init__(self, recipe: Recipe, x: Array, g: Array) -> None:
        self.recipe, self.x, self.g = recipe, x, g
        self.kept = {name: np.zeros_like(x) for name in self.slots}
        self.t = 0

    def step(self, lr: float, all: Callable[..., Any] = map) -> None:
        """One step along the gradients. all: does a piece of work on each of several blocks, as `map` does."""
        self.t += 1

        def some(blocks: range) -> None:
            work = np.empty(BLOCK, self.x.dtype)
            for start in blocks:
                part = slice(start, start + BLOCK)
                x, g = self.x[part], self.g[part]
                if self.recipe.weight_decay and not isinstance(self, AdamW):
                    g += self.recipe.weight_decay * x
                self.update(x, g, {name: kept[part] for name, kept in self.kept.items()}, lr, work[: x.size])

        middle = -(-self.x.size // BLOCK // 2) * BLOCK
        list(all(some, [range(0, middle, BLOCK), range(middle, self.x.size, BLOCK)]))

    def update(self, x: Array, g: Array, kept: dict[str, Array], lr: float, work: Array) -> None:
        """Changes x and what is kept, in place; g may be overwritten. work: room for one block."""
        raise NotImplementedError


class SGD(Optimizer):
    """x <- x - lr g; with momentum u: m <- u m + g (the first m is g), x <- x - lr m, or with Nesterov g + u m."""

    slots: ClassVar[tuple[str, ...]] = ("momentum_buffer",)

    def update(self, x: Array, g: Array, kept: dict[str, Array], lr: float, work: Array) -> None:
        momentum = self.recipe.momentum
        if momentum:
            m = kept["momentum_buffer"]
            m *= momentum
            m += g
            if self.recipe.nesterov:
                np.multiply(m, momentum, out=work)
                g += work
            else:
                g = m
        np.multiply(g, lr, out=work)
        x -= work


class RMSprop(Optimizer):
    """v <- a v + (1 - a) g^2;  m <- u m + g / (sqrt(v) + eps);  x <- x - lr m."""

    slots: ClassVar[tuple[str, ...]] = ("square_avg", "momentum_buffer")

    def update(self, x: Array, g: Array, kept: dict[str, Array], lr: float, work: Array) -> None:
        v, m = kept["square_avg"], kept["momentum_buffer"]
        decayed_square(v, g, self.recipe.alpha, work)
        np.sqrt(v, out=work)
        work += self.recipe.eps
        g /= work
        m *= self.recipe.momentum
        m += g
        np.multiply(m, lr, out=work)
        x -= work


class Adam(Optimizer):
    """m <- b1 m + (1 - b1) g;  v <- b2 v + (1 - b2) g^2;  x <- x - lr m^ / (sqrt(v^) + eps).

    m^ = m / (1 - b1^t) and v^ = v / (1 - b2^t) take back that both begin at zero. Source: Kingma and Ba 2015.
    """

    slots: ClassVar[tuple[str, ...]] = ("exp_avg", "exp_avg_sq")

    def update(self, x: Array, g: Array, kept: dict[str, Array], lr: float, work: Array) -> None:
        m, v = kept["exp_avg"], kept["exp_avg_sq"]
        beta1, beta2 = self.recipe.betas
        decayed_square(v, g, beta2, work)
        g *= 1 - beta1
        m *= beta1
        m += g
        np.sqrt(v, out=work)
        work *= 1 / sqrt(1 - beta2**self.t)
        work += self.recipe.eps
        np.divide(m, work, out=work)
        work *= lr / (1 - beta1**self.t)
        x -= work


class AdamW(Adam):
    """Adam after x <- x (1 - lr weight_decay): weights shrink by themselves. Source: Loshchilov, Hutter 2019."""

    def update(self, x: Array, g: Array, kept: dict[str, Array], lr: float, work: Array) -> None:
        if self.recipe.weight_decay:
            x *= 1 - lr * self.recipe.weight_decay
        super().update(x, g, kept, lr, work)


class Adagrad(Optimizer):
    """v <- v + g^2;  x <- x - lr g / (sqrt(v) + eps). Source: Duchi, Hazan, Singer 2011."""

    slots: ClassVar[tuple[str, ...]] = ("sum",)

    def update(self, x: Array, g: Array, kept: dict[str, Array], lr: float, work: Array) -> None:
        v = kept["sum"]
        np.multiply(g, g, out=work)
        v += work
        np.sqrt(v, out=work)
        work += self.recipe.eps
        g /= work
        g *= lr
        x -= g


class RMSpropPrinted(Optimizer):
    """As report 000 prints it, momentum on the scaled step: m <- u m + lr g / (sqrt(v) + eps);  x <- x - m."""

    slots: ClassVar[tuple[str, ...]] = ("square_avg", "momentum_buffer")

    def update(self, x: Array, g: Array, kept: dict[str, Array], lr: float, work: Array) -> None:
        v, m = kept["square_avg"], kept["momentum_buffer"]
        decayed_square(v, g, self.recipe.alpha, work)
        np.sqrt(v, out=work)
        work += self.recipe.eps
        g /= work
        g *= lr
        m *= self.recipe.momentum
        m += g
        x -= m


class AdamPrinted(Optimizer):
    """As report 000 prints it, the rate corrected: x <- x - lr sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + eps)."""

    slots: ClassVar[tuple[str, ...]] = ("exp_avg", "exp_avg_sq")

    def update(self, x: Array, g: Array, kept: dict[str, Array], lr: float, work: Array) -> None:
        m, v = kept["exp_avg"], kept["exp_avg_sq"]
        beta1, beta2 = self.recipe.betas
        decayed_square(v, g, beta2, work)
        g *= 1 - beta1
        m *= beta1
        m += g
        np.sqrt(v, out=work)
        work += self.recipe.eps
        np.divide(m, work, out=work)
        work *= lr * sqrt(1 - beta2**self.t) / (1 - beta1**self.t)
        x -= work


def decayed_square(v: Array, g: Array, decay: float, work: Array) -> None:
    """v <- decay v + (1 - decay) g^2, in place."""
    np.multiply(g, g, out=work)
    work *= 1 - decay
    v *= decay
    v += work


OPTIMIZERS: dict[str, Callable[[Recipe, Array, Array], Optimizer]] = {
    "sgd": SGD,
    "rmsprop": RMSprop,
    "adam": Adam,
    "adamw": AdamW,
    "adagrad": Adagrad,
    "rmsprop_printed": RMSpropPrinted,
    "adam_printed": AdamPrinted,
}


class Muon(AdamW):
    """Momentum, orthogonalised, for each weight as a matrix (rows its outputs); vectors and the last matrix: AdamW.

        m <- u m + g;  s = orthogonalised(g + u m) with Nesterov, or of m
        x <- x (1 - lr weight_decay) - lr 0.2 sqrt(max(rows, columns)) s

    shapes: of the parameters, in the order in which they lie in x. Source: Jordan et al. 2024 (jordan2024), factor:
    Liu et al. 2025 (liu2025 in docs/bibliography.bib).
    """

    slots: ClassVar[tuple[str, ...]] = ("momentum_buffer", "exp_avg", "exp_avg_sq")
    #: Newton-Schulz steps.
    steps = 5

    def __init__(self, recipe: Recipe, x: Array, g: Array, shapes: Sequence[tuple[int, ...]]) -> None:
        super().__init__(recipe, x, g)
        bounds = np.cumsum([0, *(int(np.prod(shape)) for shape in shapes)])
        self.parts = [(slice(a, b), shape) for a, b, shape in zip(bounds[:-1], bounds[1:], shapes, strict=True)]
        self.matrices = [k for k, shape in enumerate(shapes) if len(shape) >= 2][:-1]

    def step(self, lr: float, all: Callable[..., Any] = map) -> None:
        self.t += 1
        for k, (part, shape) in enumerate(self.parts):
            x, g = self.x[part], self.g[part]
            if k in self.matrices:
                self._orthogonal(x, g, self.kept["momentum_buffer"][part], shape, lr)
            else:
                kept = {name: self.kept[name][part] for name in ("exp_avg", "exp_avg_sq")}
                self.update(x, g, kept, lr, np.empty_like(x))

    def _orthogonal(self, x: Array, g: Array, m: Array, shape: tuple[int, ...], lr: float) -> None:
        m *= self.recipe.momentum
        m += g
        u = (g + self.recipe.momentum * m if self.recipe.nesterov else m).reshape(shape[0], -1)
        step = orthogonalised(u, self.steps).reshape(-1)
        self.shrink(x, shape[0], lr)
        x -= (lr * self.factor(*u.shape)) * step

    def factor(self, rows: int, columns: int) -> float:
        return 0.2 * sqrt(max(rows, columns))

    def shrink(self, x: Array, rows: int, lr: float) -> None:
        x *= 1 - lr * self.recipe.weight_decay


class MuonOnSphere(Muon):
    """Muon that turns a matrix by about 12 lr and keeps its norm, in place of weight decay (jordan2024b).

    x <- x sqrt(rows) / ||x|| - lr 12 sqrt(rows / min(rows, columns)) s      s by three Newton-Schulz steps
    """

    steps = 3

    def shrink(self, x: Array, rows: int, lr: float) -> None:
        x *= sqrt(rows) / max(float(np.linalg.norm(x)), 1e-7)

    def factor(self, rows: int, columns: int) -> float:
        return 12 * sqrt(rows / min(rows, columns))


#: Those that need to know which parameters are matrices.
MUONS: dict[str, type[Muon]] = {"muon": Muon, "muon_on_sphere": MuonOnSphere}


def orthogonalised(matrix: Array, steps: int = 5) -> Array:
    """Nearly U V^T of `matrix` = U S V^T, by steps X <- Q X, Q = 3.4445 I - 4.775 A + 2.0315 A A, A = X X^T.

    Q commutes with A: the next A is Q A Q, and all Q are multiplied before X is.
    """
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (np.linalg.norm(x) + 1e-7)
    a = x @ x.T
    one = np.eye(len(a), dtype=a.dtype)

    def polynomial(a: Array) -> Array:
        return 3.4445 * one + (-4.7750 * one + 2.0315 * a) @ a

    q = product = polynomial(a)
    for _ in range(steps - 1):
        a = q @ a @ q
        q = polynomial(a)
        product = q @ product
    x = product @ x
    return x.T if tall else x


def optimizer(recipe: Recipe, x: Array, g: Array, shapes: Sequence[tuple[int, ...]]) -> Optimizer:
    """The recipe's optimizer for parameters of `shapes` that lie in x one after the other, gradients in g."""
    if recipe.optimizer in MUONS:
        return MUONS[recipe.optimizer](recipe, x, g, shapes)
    return OPTIMIZERS[recipe.optimizer](recipe, x, g)

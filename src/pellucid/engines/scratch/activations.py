"""Functions of each value alone: y = f(x), dL/dx = dL/dy f'(x)."""

from __future__ import annotations

import math

import numpy as np

from pellucid.engines.scratch.layer import Array, Layer


class ReLU(Layer):
    """y = max(x, 0);  f' = 1 where x > 0, else 0."""

    def forward(self, x: Array) -> Array:
        self.y: Array = np.maximum(x, 0)
        return self.y

    def backward(self, grad: Array) -> Array:
        return grad * (self.y > 0)


class LeakyReLU(Layer):
    """y = x where x > 0, else a x with a = 0.01;  f' = 1 where x > 0, else a."""

    slope = 0.01

    def forward(self, x: Array) -> Array:
        self.factor = np.where(x > 0, x.dtype.type(1), x.dtype.type(self.slope))
        return x * self.factor

    def backward(self, grad: Array) -> Array:
        return grad * self.factor


class ELU(Layer):
    """y = x where x > 0, else exp(x) - 1;  f' = 1 where x > 0, else exp(x) = y + 1."""

    def forward(self, x: Array) -> Array:
        self.y: Array = np.where(x > 0, x, np.expm1(np.minimum(x, 0)))
        return self.y

    def backward(self, grad: Array) -> Array:
        return grad * np.where(self.y > 0, grad.dtype.type(1), self.y + 1)


class GELU(Layer):
    """y = x P(x);  f' = P(x) + x p(x), with P and p the standard normal distribution and its density.

    P(x) = (1 + erf(x / sqrt(2))) / 2,   p(x) = exp(-x^2 / 2) / sqrt(2 pi)
    """

    def forward(self, x: Array) -> Array:
        self.x, self.share = x, 0.5 * (1 + erf(x * (1 / math.sqrt(2))))
        return x * self.share

    def backward(self, grad: Array) -> Array:
        density = np.exp(-0.5 * self.x * self.x) * (1 / math.sqrt(2 * math.pi))
        return grad * (self.share + self.x * density)


class SiLU(Layer):
    """y = x s(x);  f' = s (1 + x (1 - s)), with s the logistic function."""

    def forward(self, x: Array) -> Array:
        self.x, self.share = x, logistic(x)
        return x * self.share

    def backward(self, grad: Array) -> Array:
        return grad * (self.share * (1 + self.x * (1 - self.share)))


class Tanh(Layer):
    """y = tanh(x);  f' = 1 - y^2."""

    def forward(self, x: Array) -> Array:
        self.y: Array = np.tanh(x)
        return self.y

    def backward(self, grad: Array) -> Array:
        return grad * (1 - self.y * self.y)


class Sigmoid(Layer):
    """y = 1 / (1 + exp(-x));  f' = y (1 - y)."""

    def forward(self, x: Array) -> Array:
        self.y = logistic(x)
        return self.y

    def backward(self, grad: Array) -> Array:
        return grad * (self.y * (1 - self.y))


ACTIVATIONS: dict[str, type[Layer]] = {
    "relu": ReLU,
    "leaky_relu": LeakyReLU,
    "elu": ELU,
    "gelu": GELU,
    "silu": SiLU,
    "tanh": Tanh,
    "sigmoid": Sigmoid,
}


def logistic(x: Array, out: Array | None = None) -> Array:
    """1 / (1 + exp(-x)), x raised to -80 where it is less, so that exp does not overflow in float32.

    (1 + tanh(x / 2)) / 2 is the same and cannot overflow, but loses the digits of small values.
    """
    y: Array = np.maximum(x, -80, out=out)
    np.negative(y, out=y)
    np.exp(y, out=y)
    y += 1
    np.reciprocal(y, out=y)
    return y


#: Quotients of polynomials for erf below 0.46875, and for erfc up to 4 and beyond; the highest power first.
_ERF = (
    (1.85777706184603153e-1, 3.16112374387056560e0, 1.13864154151050156e2, 3.77485237685302021e2,
     3.20937758913846947e3),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3),
)  # fmt: skip
_MIDDLE = (
    (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e1,
     2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3,
     1.23033935479799725e3),
    (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
     3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3),
)  # fmt: skip
_FAR = (
    (1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
     1.60837851487422766e-2, 6.58749161529837803e-4),
    (1.0, 2.56852019228982242e0, 1.87295284992346725e0, 5.27905102951428412e-1, 6.05183413124413191e-2,
     2.33520497626869185e-3),
)  # fmt: skip


def erf(x: Array) -> Array:
    """The error function, to the last digits of float64: NumPy has none.

    Rational approximations in three ranges. Source: Cody 1969 (cody1969 in docs/bibliography.bib).
    """
    size = np.abs(x)
    square = size * size
    near = x * _quotient(_ERF, np.minimum(square, 0.25))
    middle = np.clip(size, 0.46875, 4.0)
    far = np.maximum(size, 4.0)
    inverse = 1 / (far * far)
    beyond = (1 / math.sqrt(math.pi) - inverse * _quotient(_FAR, inverse)) / far
    rest = np.exp(-square) * np.where(size <= 4.0, _quotient(_MIDDLE, middle), beyond)
    found: Array = np.where(size <= 0.46875, near, np.copysign(1 - rest, x))
    return found


def _quotient(polynomials: tuple[tuple[float, ...], tuple[float, ...]], at: Array) -> Array:
    """Of two polynomials at `at`, by Horner's scheme."""
    values = []
    for first, *others in polynomials:
        value = np.full_like(at, first)
        for coefficient in others:
            value *= at
            value += coefficient
        values.append(value)
    found: Array = values[0] / values[1]
    return found

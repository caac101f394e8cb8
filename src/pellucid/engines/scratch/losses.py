"""Losses on logits z, N x classes, and labels y, N: each a mean over the batch, with its gradient by z.

Written with q, the one-hot label, and p = softmax(z). Subtracting the largest logit changes no p and keeps exp from
overflowing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pellucid.engines.scratch.activations import logistic
from pellucid.engines.scratch.layer import Array
from pellucid.spec.recipe import Recipe


def loss_and_gradient(recipe: Recipe, logits: Array, labels: NDArray[np.int64]) -> tuple[float, Array]:
    """The recipe's loss and dL/dz, N x classes."""
    function = {"cross_entropy": cross_entropy, "mse": mse, "l1": l1, "bce": bce}[recipe.loss]
    q = np.zeros_like(logits)
    q[np.arange(len(labels)), labels] = 1
    if recipe.label_smoothing:
        q *= 1 - recipe.label_smoothing
        q += recipe.label_smoothing / logits.shape[1]
    return function(logits, q)


def cross_entropy(z: Array, q: Array) -> tuple[float, Array]:
    """L = -mean of sum_k q_k log p_k;  dL/dz = (p - q) / N.

    With label smoothing s: q = (1 - s) one-hot + s / classes. Since sum_k q_k = 1:
    sum_k q_k log p_k = sum_k q_k z_k - log sum_k exp z_k.
    """
    z = z - z.max(1, keepdims=True)
    p = np.exp(z)
    total = p.sum(1, keepdims=True)
    loss = float((np.log(total[:, 0]) - np.einsum("nk,nk->n", q, z)).mean())
    p /= total
    p -= q
    p /= len(z)
    return loss, p


def mse(z: Array, q: Array) -> tuple[float, Array]:
    """L = mean over n and k of (p - q)^2;  dL/dp = 2 (p - q) / (N K), then through the softmax."""
    p = softmax(z)
    return float(((p - q) ** 2).mean()), through_softmax(p, (p - q) * (2 / z.size))


def l1(z: Array, q: Array) -> tuple[float, Array]:
    """L = mean over n and k of |p - q|;  dL/dp = sign(p - q) / (N K), then through the softmax."""
    p = softmax(z)
    return float(np.abs(p - q).mean()), through_softmax(p, np.sign(p - q) * (1 / z.size))


def bce(z: Array, q: Array) -> tuple[float, Array]:
    """L = mean over n and k of -q log s(z) - (1 - q) log s(-z);  dL/dz = (s(z) - q) / (N K), s the logistic function.

    -log s(z) = max(-z, 0) + log(1 + exp(-|z|)), which cannot overflow.
    """
    loss = np.maximum(z, 0) - z * q + np.log1p(np.exp(-np.abs(z)))
    return float(loss.mean()), (logistic(z) - q) * (1 / z.size)


def softmax(z: Array) -> Array:
    """p_k = exp z_k / sum_j exp z_j."""
    p: Array = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    return p


def through_softmax(p: Array, at_p: Array) -> Array:
    """dL/dz_k = p_k (dL/dp_k - sum_j dL/dp_j p_j)."""
    found: Array = p * (at_p - (at_p * p).sum(1, keepdims=True))
    return found

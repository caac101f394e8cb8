"""Losses on logits N x classes and labels N, each a mean over the batch.

cross_entropy   -sum_k q_k log softmax(z)_k, q one-hot, smoothed: q_k = (1 - s) [k = y] + s / classes
mse             mean_k (softmax(z)_k - [k = y])^2
l1              mean_k |softmax(z)_k - [k = y]|
bce             mean_k -([k = y] log sigmoid(z_k) + [k != y] log(1 - sigmoid(z_k)))
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional

from pellucid.spec.recipe import Recipe

Loss = Callable[[Tensor, Tensor], Tensor]


def loss_function(recipe: Recipe) -> Loss:
    """The recipe's loss: (logits N x classes, labels N int64) -> scalar. Computed in float32 for float32 parameters.

    bf16 logits are widened first: a mean over classes loses digits in eight bits of mantissa.
    """

    def one_hot(logits: Tensor, labels: Tensor) -> Tensor:
        return functional.one_hot(labels, logits.shape[1]).to(logits.dtype)

    def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
        return functional.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)

    def mse(logits: Tensor, labels: Tensor) -> Tensor:
        return functional.mse_loss(logits.softmax(1), one_hot(logits, labels))

    def l1(logits: Tensor, labels: Tensor) -> Tensor:
        return functional.l1_loss(logits.softmax(1), one_hot(logits, labels))

    def bce(logits: Tensor, labels: Tensor) -> Tensor:
        return functional.binary_cross_entropy_with_logits(logits, one_hot(logits, labels))

    return {"cross_entropy": cross_entropy, "mse": mse, "l1": l1, "bce": bce}[recipe.loss]

"""One network on several processor cores: each takes its share of the batch.

    L = mean over the batch = sum over shares of  n_share / n * L_share,   and so for every gradient

NumPy lets other threads run while it computes, so that the shares are worked on at the same time, each by a member of
the team with layers of its own over common parameters; then the gradients are added. A layer whose images depend on
each other (batch norm) cannot be shared out: such a network has a team of one, and only its matrix products use all
cores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from pellucid.engines.scratch.layer import Array
from pellucid.engines.scratch.losses import loss_and_gradient
from pellucid.engines.scratch.network import Sequential
from pellucid.spec.recipe import Recipe

T = TypeVar("T")
R = TypeVar("R")


class Team:
    """`count` members at most; the first one is `module` itself."""

    def __init__(self, module: Sequential, count: int) -> None:
        alone = any(layer.mixes_images for layer in module.named.values())
        self.members = [module]
        for _ in range(0 if alone else count - 1):
            self.members.append(self.members[-1].twin())
        self._others = ThreadPoolExecutor(len(self.members) - 1) if len(self.members) > 1 else None
        self._products = ThreadpoolController()

    def shares(self, count: int) -> list[slice]:
        """How a batch of `count` images is shared out."""
        bounds = [count * k // len(self.members) for k in range(len(self.members) + 1)]
        return [slice(a, b) for a, b in pairwise(bounds) if b > a]

    def all(self, work: Callable[[T], R], parts: Sequence[T]) -> list[R]:
        """`work` on each part, at the same time; the first here, the others in threads of their own."""
        if self._others is None or len(parts) == 1:
            return [work(part) for part in parts]
        with self._products.limit(limits=1, user_api="blas"):
            waiting = [self._others.submit(work, part) for part in parts[1:]]
            first = work(parts[0])
            return [first, *(one.result() for one in waiting)]

    def learn(
        self, recipe: Recipe, inputs: Callable[[slice], Array], labels: NDArray[np.int64]
    ) -> tuple[float, Array]:
        """Forward and backward on one batch: its loss and logits; the gradients are in the module's vector.

        inputs: what the network sees of a share of the batch, N C H W.
        """
        shares = self.shares(len(labels))

        def work(k: int) -> tuple[float, Array]:
            member, share = self.members[k], shares[k]
            with np.errstate(over="ignore", invalid="ignore"):  # a loss that is not finite is the caller's to see
                logits = member.forward(inputs(share))
                loss, grad = loss_and_gradient(recipe, logits, labels[share])
                part = (share.stop - share.start) / len(labels)
                if part < 1:
                    grad *= part
                member.backward(grad)
            return loss * part, logits

        found = self.all(work, range(len(shares)))
        for member in self.members[1 : len(shares)]:
            self.members[0].gradient += member.gradient
        return sum(loss for loss, _ in found), np.concatenate([logits for _, logits in found])

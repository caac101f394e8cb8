"""A training step of the engine written by hand beside PyTorch's plain eager float32 step.

    python benchmarks/scratch.py [--networks one_conv lenet5 ...] [--repeats 7] [--threads 2]

In turn, A B A B, in one process with the same threads: forward, cross entropy, backward and an Adam step on one batch
of 100 images that lie in memory as floats. PyTorch without further care: the engine's modules in channels-first
memory, `torch.optim.Adam`, no autocast; `nn.RNN`, `nn.LSTM` and `nn.GRU` for recurrent layers. Both have run warm and
keep freed memory. Seconds are the median of the steps of each turn; the ratio's interval is the range over the turns.
Peak memory is that of the arrays that a step of ours asks for (tracemalloc).
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pellucid import catalog
from pellucid.engines import scratch
from pellucid.engines.initial_weights import initial_weights
from pellucid.engines.pytorch.build import Recurrent, build
from pellucid.engines.scratch.layer import batch_first
from pellucid.engines.scratch.network import build as build_by_hand
from pellucid.engines.scratch.optimizers import optimizer
from pellucid.engines.scratch.team import Team
from pellucid.spec import Recipe
from pellucid.training.environment import cpu

BATCH = 100
DEFAULT = ("one_conv", "lenet5", "lenet5_28", "row_gru", "row_rnn", "row_lstm", "mlp")
SHAPES = {"vgg_small": (32, 32, 3), "four_conv": (32, 32, 3)}


class Plain(nn.Module):
    """PyTorch's own recurrent layer in the place of ours."""

    def __init__(self, layer: Recurrent, features: int) -> None:
        super().__init__()
        kind = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[layer.kind]
        self.layer, self.all = kind(features, layer.units, batch_first=True), layer.return_sequences

    def forward(self, x: Tensor) -> Tensor:
        states = self.layer(x.permute(0, 2, 3, 1).flatten(2) if x.ndim == 4 else x)[0]
        return states if self.all else states[:, -1]


def steps(name: str, threads: int) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """One training step by hand, and one of PyTorch."""
    shape = SHAPES.get(name, (28, 28, 1))
    network = catalog.load("networks", name)(input_shape=shape)
    generator = np.random.default_rng(0)
    images = generator.random((BATCH, *shape), np.float32)
    labels = generator.integers(0, 10, BATCH)
    recipe = Recipe(optimizer="adam")
    ours = build_by_hand(network, shape, initial_weights(network, shape, seed=0, images=images))
    follow = optimizer(recipe, ours.vector, ours.gradient, ours.shapes)
    x = batch_first(np.ascontiguousarray(images.transpose(3, 1, 2, 0)))

    team = Team(ours, threads)

    def by_hand() -> None:
        team.learn(recipe, lambda share: x[share], labels)
        follow.step(0.001, team.all)

    plain = build(network, shape, images=images)
    for key, module in list(plain.named_children()):
        if isinstance(module, Recurrent):
            setattr(plain, key, Plain(module, module.get_parameter("weight_ih").shape[1]))
    adam = torch.optim.Adam(plain.parameters(), lr=0.001)
    floats, answers = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))), torch.from_numpy(labels)

    def eager() -> None:
        loss = nn.functional.cross_entropy(plain(floats), answers)
        adam.zero_grad()
        loss.backward()
        adam.step()

    return by_hand, eager


def median(step: Callable[[], Any], seconds: float) -> float:
    """Median of the steps that fit in `seconds`, at least five."""
    found, end = [], time.perf_counter() + seconds
    while len(found) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        step()
        found.append(time.perf_counter() - start)
    return float(np.median(found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--networks", nargs="+", default=DEFAULT)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--threads", type=int, default=None)
    asked = parser.parse_args()
    if asked.threads:
        torch.set_num_threads(asked.threads)
    with scratch.threads(asked.threads) as count:
        told = scratch.environment()
        own = f"numpy {told['numpy']}, {', '.join(told['blas'])}, {count} threads"
        theirs = f"torch {torch.__version__}, {torch.get_num_threads()} threads"
        print(f"{datetime.now(UTC):%Y-%m-%d} {cpu()}, {own}; {theirs}; {asked.repeats} turns")
        print("| network | by hand, ms | PyTorch eager, ms | by hand / PyTorch | range | peak of a step, MB |")
        print("|---|---|---|---|---|---|")
        for name in asked.networks:
            by_hand, eager = steps(name, count)
            for step in (by_hand, eager):
                median(step, 0.5)
            pairs = [(median(by_hand, asked.seconds), median(eager, asked.seconds)) for _ in range(asked.repeats)]
            ratios = [own / theirs for own, theirs in pairs]
            tracemalloc.start()
            by_hand()
            peak = tracemalloc.get_traced_memory()[1] / 2**20
            tracemalloc.stop()
            own, theirs = (1000 * float(np.median([pair[k] for pair in pairs])) for k in (0, 1))
            middle, spread = np.median(ratios), f"{min(ratios):.2f}-{max(ratios):.2f}"
            print(f"| {name} | {own:.2f} | {theirs:.2f} | {middle:.2f} | {spread} | {peak:.0f} |", flush=True)


if __name__ == "__main__":
    main()

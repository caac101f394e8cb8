"""What successive halving and Optuna find beside random search, and for how many epochs.

    python benchmarks/searches.py [--seeds 6] [--trials 27] [--epochs 9]

`mlp` on digits over learning rate, optimizer, batch size and hidden size; one search of each method for each seed.
Random search and successive halving draw the same points from a seed, so that their difference is what halving gives
away for the epochs it saves. Test accuracy is that of the point which validation chose.
"""

from __future__ import annotations

import argparse
import tempfile
from datetime import UTC, datetime

import numpy as np

from pellucid.evaluation.comparison import summary
from pellucid.training.environment import cpu
from pellucid.verbs.search import made_search, search
from pellucid.verbs.searched import Searched

OVER = ["lr=log:1e-5:1", "optimizer=sgd,adam,rmsprop", "batch_size=16,32,64", "hidden_size=int:8:64"]


def found(method: str, seed: int, trials: int, epochs: int, runs: str) -> Searched:
    base = {"network": "mlp", "data": "digits", "epochs": epochs}
    asked = made_search(f"{method}-{seed}", base, over=OVER, trials=trials, method=method, seeds=[seed])
    return search(asked, runs=runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name, default in (("seeds", 6), ("trials", 27), ("epochs", 9)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    print(f"{datetime.now(UTC):%Y-%m-%d} {cpu()}, {asked.trials} points, {asked.epochs} epochs")
    scores: dict[str, list[float]] = {}
    for method in ("random", "halving", "optuna"):
        with tempfile.TemporaryDirectory() as runs:
            each = [found(method, seed, asked.trials, asked.epochs, runs) for seed in range(asked.seeds)]
        scores[method] = [100 * (one.best.mean("test_accuracy") or 0.0) for one in each if one.best is not None]
        told = summary(scores[method])
        epochs = np.mean([one.spent for one in each])
        print(
            f"{method}: test accuracy {told.mean:.2f} % ({told.low:.2f} to {told.high:.2f}), n = {told.n} searches, "
            f"{epochs:.0f} epochs a search",
            flush=True,
        )
    for method in ("halving", "optuna"):
        gain = summary(np.subtract(scores[method], scores["random"]).tolist())
        print(f"{method} - random, paired by seed: {gain.mean:+.2f} points ({gain.low:+.2f} to {gain.high:+.2f})")


if __name__ == "__main__":
    main()

"""A sweep as tutorials have it: the plain loop under Optuna, one trial after the other, or under Ray Tune.

python plain_sweeps.py optuna|ray IMAGES.npz CONFIGURATIONS.json

Every trial trains LeNet-5 once over the images with Dataset, DataLoader, a transform for each image and `loss.item()`
a step, and is scored on the test images. Answers each `epoch` on stdin with the seconds of the whole sweep.
"""

from __future__ import annotations

import json
import logging
import sys
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path

import numpy as np
import torch
from plain_pytorch import Images, ToTensor
from served import serve
from torch import nn
from torch.utils.data import DataLoader

#: As pellucid's `lenet5` on 28x28.
LAYERS = (
    lambda: nn.Conv2d(1, 6, 5, padding=2),
    nn.ReLU,
    lambda: nn.MaxPool2d(2),
    lambda: nn.Conv2d(6, 16, 5),
    nn.ReLU,
    lambda: nn.MaxPool2d(2),
    nn.Flatten,
    lambda: nn.Linear(400, 120),
    nn.ReLU,
    lambda: nn.Linear(120, 84),
    nn.ReLU,
    lambda: nn.Linear(84, 10),
)
OPTIMIZERS = {"adam": torch.optim.Adam, "rmsprop": torch.optim.RMSprop}
found: list[float] = []


@cache
def images(path: str) -> dict[str, np.ndarray]:
    with np.load(path) as data:
        return dict(data)


def train(path: str, trial: dict) -> float:
    """Test accuracy of one trial."""
    data = images(path)
    torch.manual_seed(trial["seed"])
    model = nn.Sequential(*(make() for make in LAYERS))
    optimizer = OPTIMIZERS[trial["optimizer"]](model.parameters(), lr=trial["lr"])
    criterion = nn.CrossEntropyLoss()
    train, test = (Images(data[f"{part}pixels"], data[f"{part}labels"], ToTensor()) for part in ("", "test_"))
    model.train()
    total = 0.0
    for batch, labels in DataLoader(train, batch_size=100, shuffle=True):
        optimizer.zero_grad()
        loss = criterion(model(batch), labels)
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    right = 0
    with torch.no_grad():
        for batch, labels in DataLoader(test, batch_size=500):
            right += int((model(batch).argmax(1) == labels).sum())
    return right / len(test)


def with_optuna(path: str, trials: list[dict]) -> None:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize")
    for trial in trials:
        study.enqueue_trial(trial)

    def objective(trial: optuna.Trial) -> float:
        return train(
            path,
            {
                "lr": trial.suggest_float("lr", 1e-5, 1.0),
                "optimizer": trial.suggest_categorical("optimizer", list(OPTIMIZERS)),
                "seed": trial.suggest_int("seed", 0, 1000),
            },
        )

    study.optimize(objective, n_trials=len(trials))
    found[:] = [trial.value for trial in study.trials]


def with_ray(path: str, trials: list[dict]) -> None:
    """One processor a trial, as Ray packs them, and one thread, as Ray sets it."""
    from ray import tune

    here = str(Path(__file__).resolve().parent)

    def trainable(config: dict) -> dict:
        sys.path.insert(0, here)
        import plain_sweeps

        return {"accuracy": plain_sweeps.train(path, config["trial"])}

    tuner = tune.Tuner(
        tune.with_resources(trainable, {"cpu": 1}),
        param_space={"trial": tune.grid_search(trials)},
        run_config=tune.RunConfig(verbose=0),
    )
    results = tuner.fit()
    if results.num_errors:
        raise RuntimeError(str(results.errors[0]))
    found[:] = [result.metrics["accuracy"] for result in results]


def main() -> None:
    kind, path, trials = sys.argv[1], sys.argv[2], json.loads(Path(sys.argv[3]).read_text())
    images(path)  # outside the clock, as the imports
    if kind == "optuna":
        import optuna  # noqa: F401
    else:
        import ray
        from ray import tune  # noqa: F401

        ray.init(include_dashboard=False, logging_level=logging.ERROR, log_to_driver=False)
    sweep = {"optuna": with_optuna, "ray": with_ray}[kind]

    def quietly() -> None:
        with redirect_stdout(sys.stderr):  # stdout is for answers
            sweep(path, trials)

    serve(quietly, lambda: float(np.mean(found)), threads=torch.get_num_threads())


if __name__ == "__main__":
    main()

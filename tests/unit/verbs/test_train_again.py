"""The same call again: what it goes on with, what it opens, and what it refuses to take for the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from folders import noise, two_classes
from torch import nn

from pellucid.errors import DataError, DivergedError, InterruptedRunError, SpecError, StorageError, UsageError
from pellucid.spec import BatchNorm, Conv, Dense, Flatten, Network, Residual
from pellucid.spec.layer import Layer
from pellucid.spec.shapes import trace
from pellucid.spec.windowed import Whitening
from pellucid.storage import sealed
from pellucid.training.run import Observer
from pellucid.verbs.search import made_search, search
from pellucid.verbs.train import train

OPTIONS = {"epochs": 2, "subset": 200, "precision": "fp32", "threads": 1, "pictures": False}


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.fc = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x.flatten(1))


class Squared(Net):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x.flatten(1) ** 2)


Squared.__name__ = "Net"


def weights(module: nn.Module) -> dict[str, bytes]:
    return {name: value.numpy().tobytes() for name, value in module.state_dict().items()}


def test_a_run_that_is_over_is_of_its_own_images_alone(tmp_path: Path) -> None:
    images = two_classes(tmp_path / "images")
    runs = tmp_path / "runs"
    options = {"epochs": 1, "precision": "fp32", "pictures": False, "runs": runs}
    asked = made_search("s", {"network": "mlp", "data": str(images), "epochs": 1}, over=["lr=0.001,0.01"], trials=2)
    train("mlp", str(images), **options)
    search(asked, runs=runs, workers=1)
    noise(images / "a" / "20.png", seed=9)
    with pytest.raises(DataError, match="expected the images that this run began with"):
        train("mlp", str(images), **options)
    with pytest.raises(DataError, match="expected the images that it was trained on"):
        search(asked, runs=runs, workers=1)


def test_a_module_goes_on_from_where_it_was_stopped_and_is_left_with_its_best_weights(tmp_path: Path) -> None:
    class Stop(Observer):
        def epoch(self, record: object, timing: object, *, best: bool) -> None:
            raise InterruptedRunError("stopped")

    module = Net()
    with pytest.raises(InterruptedRunError):
        train(module, "digits", runs=tmp_path, observer=Stop(), **OPTIONS)
    run = train(module, "digits", runs=tmp_path, **OPTIONS)
    assert len(list(tmp_path.glob("net-*"))) == 1 and len(run.folder.metrics()) == 2
    best = {name: array.tobytes() for name, array in run.folder.load_weights("best").items()}
    assert weights(module) == best
    assert train(module, "digits", runs=tmp_path, **OPTIONS).id == run.id, "it is done"
    anew = Net()  # another process, say: the run is there, the module is not trained
    assert train(anew, "digits", runs=tmp_path, **OPTIONS).id == run.id and weights(anew) == best
    more = train(module, "digits", runs=tmp_path, **{**OPTIONS, "epochs": 1})
    assert more.id != run.id, "another training begins with the weights that are there"


def test_modules_of_other_code_do_not_share_a_run(tmp_path: Path) -> None:
    one, other = (train(kind(), "digits", runs=tmp_path, **OPTIONS) for kind in (Net, Squared))
    assert one.id != other.id


def test_a_run_that_diverged_is_told_again(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(DivergedError, match="the loss is"):
            train("mlp", "digits", runs=tmp_path, optimizer="sgd", lr=1e30, **OPTIONS)


def test_a_run_of_another_spec_under_the_same_id_is_refused(tmp_path: Path) -> None:
    run = train("mlp", "digits", runs=tmp_path, **OPTIONS)
    manifest = dict(run.folder.manifest)
    manifest["spec"] = {**manifest["spec"], "seed": 7}
    sealed.write_json(run.path / "run.json", manifest)
    with pytest.raises(StorageError, match="expected the run of this spec"):
        train("mlp", "digits", runs=tmp_path, **OPTIONS)


def test_views_that_change_the_size_are_refused_where_the_network_cannot_take_them(tmp_path: Path) -> None:
    run = train("mlp", "digits", runs=tmp_path, **OPTIONS)
    with pytest.raises(UsageError, match=r"expected images of 8x8x1, found 6x6x1 after resize=6"):
        run.evaluate(views=("resize=6",))
    pooled = Network.from_dict(
        {
            "name": "pooled",
            "layers": [{"layer": "conv", "filters": 4, "kernel_size": 3}, {"layer": "global_pool"},
                       {"layer": "dense", "units": 10}],
        }
    )  # fmt: skip
    assert 0 <= train(pooled, "digits", runs=tmp_path, **OPTIONS).evaluate(views=("resize=6",)).accuracy <= 1


def test_whitening_comes_first() -> None:
    network = Network("late", (Conv(8, 3), BatchNorm(), Whitening(2), Flatten(), Dense(10)))
    with pytest.raises(SpecError, match="layer whitening1: expected whitening to come first, found it after"):
        trace(network, (8, 8, 1))


@pytest.mark.parametrize("before", [(), (BatchNorm(),)])
def test_whitening_within_a_block_sees_the_images_too(before: tuple[Layer, ...]) -> None:
    late = Residual((BatchNorm(), Whitening(1)), shortcut=(Whitening(1),))
    with pytest.raises(SpecError, match="layer res1: expected whitening to come first, found it after"):
        trace(Network("late", (*before, late, Flatten(), Dense(10))), (8, 8, 1))
    first = Residual((Whitening(1), BatchNorm()), shortcut=(Whitening(1),))
    network = Network("first", (*before, first, Flatten(), Dense(10)))
    if before:
        with pytest.raises(SpecError, match="found it after bn1"):
            trace(network, (8, 8, 1))
    else:
        assert trace(network, (8, 8, 1))[-1].output == (10,)

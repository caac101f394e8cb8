"""Every network and recipe keeps the law of the starred folders, and learns."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest

import pellucid
from pellucid import catalog
from pellucid.engines.pytorch import trainer
from pellucid.errors import SpecError, UsageError
from pellucid.images import Images, Scaling
from pellucid.spec import DataSpec, Dense, Network, Recipe, RunSpec, trace
from pellucid.spec.shapes import check

SOURCE = Path(pellucid.__file__).parent


@pytest.mark.parametrize("folder", ["networks", "recipes"])
def test_every_file_is_in_the_catalogue(folder: str) -> None:
    files = {path.stem for path in (SOURCE / folder).glob("[!_]*.py")}
    assert set(catalog.names(folder)) == files


@pytest.mark.parametrize(("folder", "kind"), [("networks", Network), ("recipes", Recipe)])
def test_every_entry_is_one_public_function_that_returns_data(folder: str, kind: type) -> None:
    for name in catalog.names(folder):
        function = catalog.load(folder, name)
        module = inspect.getmodule(function)
        assert module is not None
        public = [
            key
            for key, value in vars(module).items()
            if inspect.isfunction(value) and value.__module__ == module.__name__
        ]
        assert public == [name]
        assert all(p.kind is p.KEYWORD_ONLY for p in inspect.signature(function).parameters.values())
        assert 10 < len(catalog.summary(folder, name)) <= 118
        assert (function.__doc__ or "").startswith(catalog.summary(folder, name))
        assert isinstance(function(), kind)


@pytest.mark.parametrize("name", catalog.names("networks"))
@pytest.mark.parametrize(("shape", "classes"), [((28, 28, 1), 10), ((32, 32, 3), 10), ((64, 48, 3), 2)])
def test_a_network_fits_the_images_and_classes_it_is_made_for(
    name: str, shape: tuple[int, int, int], classes: int
) -> None:
    network = catalog.load("networks", name)(input_shape=shape, classes=classes)
    assert network.name == name
    assert check(network, shape, classes)[-1].output == (classes,)


@pytest.mark.parametrize("name", catalog.names("networks"))
def test_a_network_learns_a_batch_by_heart(name: str) -> None:
    generator = np.random.default_rng(0)
    images = Images(generator.integers(0, 256, (8, 28, 28, 1), dtype=np.uint8), np.arange(8) % 2, ("a", "b"))
    network = catalog.load("networks", name)(input_shape=images.shape, classes=2)
    trained = trainer(network, images, Scaling.unit(1), Recipe(batch_size=8), seed=0)
    losses = []
    for epoch in range(1, 13):
        trained.begin_epoch(epoch)
        trained.step(0, 0.002)
        losses.append(trained.totals().loss)
    assert min(losses[-3:]) < losses[0]


@pytest.mark.parametrize("name", catalog.names("networks"))
def test_a_network_and_its_run_come_back_from_plain_data(name: str) -> None:
    network = catalog.load("networks", name)()
    assert Network.from_dict(network.to_dict()) == network
    spec = RunSpec(network=network, data=DataSpec(name="mnist", views=("negative",)), recipe=Recipe(patience=3))
    again = RunSpec.from_dict(spec.to_dict())
    assert again == spec
    assert again.id == spec.id
    assert RunSpec(network=network, data=spec.data, recipe=spec.recipe, seed=1).id != spec.id


def test_a_layer_that_does_not_fit_says_where_what_and_what_to_do() -> None:
    with pytest.raises(SpecError) as caught:
        trace(catalog.load("networks", "lenet5")(), (8, 8, 1))
    assert str(caught.value) == (
        "lenet5, layer conv2: expects at least 5x5 pixels, receives 4x4x6 (pool1: 4x4x6 from 8x8x6). Use larger "
        "images (for instance --view resize=28), set padding=1, or a kernel_size of at most 4."
    )
    with pytest.raises(SpecError, match="layer fc1: expects a vector, receives 8x8x1"):
        trace(Network("x", (Dense(3),)), (8, 8, 1))


def test_unknown_fields_and_layers_list_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"unknown layer 'con'\. Did you mean conv"):
        Network.from_dict({"layers": [{"layer": "con"}]})
    with pytest.raises(UsageError, match=r"unknown field of a conv layer 'filter'\. Did you mean filters"):
        Network.from_dict({"layers": [{"layer": "conv", "filter": 3}]})
    with pytest.raises(UsageError, match=r"unknown optimizer 'adm'\. Did you mean adam"):
        Recipe(optimizer="adm")
    with pytest.raises(UsageError, match="lr: expected a number above 0, found -1"):
        Recipe(lr=-1)

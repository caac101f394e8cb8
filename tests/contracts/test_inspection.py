"""Every way of looking is one function that takes a model and images, and draws itself in every format."""

from __future__ import annotations

import inspect
import json
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from pellucid import catalog
from pellucid.displays.display import FORMATS, Display
from pellucid.images import Images
from pellucid.spec.shapes import trace

SHAPE = (16, 16, 1)


def network(name: str) -> nn.Module:
    """A small network of ReLUs; for the reader of rows, a recurrent one."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        if name == "row_reader":
            from pellucid.engines.pytorch.build import build

            rows = catalog.load("networks", "row_lstm")(input_shape=SHAPE, classes=3)
            assert trace(rows, SHAPE)
            return build(rows, SHAPE)
        parts = [nn.Conv2d(1, 4, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(4, 6, 3), nn.ReLU(), nn.Flatten()]
        return nn.Sequential(*parts, nn.Linear(216, 3))


def images(count: int = 12) -> Images:
    pixels = np.random.default_rng(0).integers(0, 256, (count, *SHAPE), dtype=np.uint8)
    return Images(pixels, np.arange(count, dtype=np.int64) % 3, ("a", "<b>", "c" * 50))


def required(name: str) -> dict[str, Any]:
    """What a way cannot do without: a second network, or moments of a training."""
    given = {"other": network(name), "snapshots": [(0, network(name)), (2, network(name))]}
    return {
        one.name: given[one.name]
        for one in inspect.signature(catalog.load("inspection", name)).parameters.values()
        if one.kind is inspect.Parameter.KEYWORD_ONLY and one.default is inspect.Parameter.empty
    }


def drawn(name: str) -> Display:
    found = catalog.load("inspection", name)(network(name), images(), **required(name))
    assert isinstance(found, Display)
    return found


@pytest.mark.parametrize("name", catalog.names("inspection"))
def test_a_way_takes_a_model_and_images_and_keyword_only_options(name: str) -> None:
    first, second, *rest = inspect.signature(catalog.load("inspection", name)).parameters.values()
    assert (first.name, second.name) == ("model", "images")
    assert all(parameter.kind is inspect.Parameter.KEYWORD_ONLY for parameter in rest)
    assert catalog.summary("inspection", name).endswith((".", ":"))


@pytest.mark.parametrize("name", catalog.names("inspection"))
def test_a_way_draws_itself_in_every_format(name: str) -> None:
    display = drawn(name)
    assert display.title
    for format in FORMATS:
        data = display.render(format)
        if format == "json":
            json.loads(data)
        elif format in ("svg", "html"):
            assert b"<b>" not in data, "names are escaped"
        assert len(data) > 100


@pytest.mark.parametrize("name", catalog.names("inspection"))
def test_a_way_leaves_the_network_as_it_was(name: str) -> None:
    module = network(name).train()
    weights = {key: value.clone() for key, value in module.state_dict().items()}
    state = torch.random.get_rng_state()
    catalog.load("inspection", name)(module, images(), **required(name))
    assert all(part.training for part in module.modules())
    assert all(torch.equal(value, weights[key]) for key, value in module.state_dict().items())
    assert all(value.grad is None and value.requires_grad for value in module.parameters())
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())

"""Every way of looking at every stranger's network: it draws numbers, or refuses in words. Never silently wrong."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
import torch
from strangers import OTHERS, RELU_ONLY, BiLSTM, ConvNeXt, MobileNet, ViT, built
from torch import nn

from pellucid import catalog
from pellucid.displays.display import Display
from pellucid.errors import PellucidError
from pellucid.images import Images

STRANGERS = [*RELU_ONLY, *OTHERS]
#: What makes a way quick enough.
QUICK: dict[str, dict[str, Any]] = {
    "maximise": {"steps": 2},
    "smoothgrad": {"samples": 2},
    "integrated_gradients": {"steps": 2},
    "occlusion": {"stride": 16},
    "correspondence": {"stride": 16},
    "shifts": {"kinds": ("blur", "rotation")},
}
#: Ways that say no to a network, and a word of what they say. Every other pair has to work.
REFUSED: dict[str, dict[type[nn.Module], str]] = {
    "deconvnet": {MobileNet: "relu6|hardtanh", ConvNeXt: "gelu", ViT: "gelu", BiLSTM: "lstm"},
    "guided_backprop": {MobileNet: "relu6|hardtanh", ConvNeXt: "gelu", ViT: "gelu", BiLSTM: "lstm"},
    "row_reader": dict.fromkeys(STRANGERS, "recurrent"),
    **{
        name: {BiLSTM: "convolution"}
        for name in ("aliasing", "blame", "correspondence", "evolution", "filters", "grad_cam", "match", "maximise",
                     "top_patches")
    },
}  # fmt: skip


def images(count: int = 12) -> Images:
    pixels = np.random.default_rng(3).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    return Images(pixels, np.arange(count, dtype=np.int64) % 5, tuple("abcde"))


def asked(name: str, make: type[nn.Module]) -> Display:
    function = catalog.load("inspection", name)
    options = dict(QUICK.get(name, {}))
    parameters = inspect.signature(function).parameters
    if "other" in parameters:
        options["other"] = built(make, dtype=torch.float32, seed=1)
    if "snapshots" in parameters:
        options["snapshots"] = [(k, built(make, dtype=torch.float32, seed=k)) for k in range(3)]
    found = function(built(make, dtype=torch.float32), images(), **options)
    assert isinstance(found, Display)
    return found


@pytest.mark.parametrize("name", catalog.names("inspection"))
@pytest.mark.parametrize("make", STRANGERS)
def test_every_way_draws_a_strangers_network_or_refuses_in_words(make: type[nn.Module], name: str) -> None:
    word = REFUSED.get(name, {}).get(make)
    if word is not None:
        with pytest.raises(PellucidError, match=word) as caught:
            asked(name, make)
        assert "expected" in str(caught.value)
        return
    found = asked(name, make)
    assert found.title and len(found.render("json")) > 50
    array = getattr(found, "array", None)
    if array is not None:
        assert np.isfinite(array).all()

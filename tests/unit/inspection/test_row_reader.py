"""States and gates by the formulas are the layers' own, and answers those of the rows so far."""

from __future__ import annotations

import io
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from strangers import VGG, BiLSTM, built
from torch import Tensor, nn

from pellucid import catalog
from pellucid.displays.pixels import Pixels
from pellucid.engines.pytorch.build import build
from pellucid.errors import UsageError
from pellucid.images import Images
from pellucid.inspection.row_reader import read

row_reader = catalog.load("inspection", "row_reader")
SHAPE = (14, 12, 1)


def images(count: int = 4) -> Images:
    pixels = np.random.default_rng(0).integers(0, 256, (count, *SHAPE), dtype=np.uint8)
    return Images(pixels, np.arange(count, dtype=np.int64) % 10, tuple("abcdefghij"))


def floats(one: Images) -> Tensor:
    return torch.from_numpy(one.pixels.transpose(0, 3, 1, 2).astype(np.float32) / 255)


def ours(kind: str) -> nn.Sequential:
    network = catalog.load("networks", f"row_{kind}")(input_shape=SHAPE, hidden_size=16)
    module = build(network, SHAPE)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for value in module.parameters():
            value.copy_(torch.randn(value.shape, generator=generator) * 0.4)
    return module


class Stranger(nn.Module):
    """Reads rows with PyTorch's own layer; `how`: what of it goes on."""

    def __init__(self, layer: Any, how: str) -> None:
        super().__init__()
        self.layer, self.how, self.fc = layer, how, nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        output, last = self.layer(x[:, 0])
        if self.how == "state":
            last = last[0] if isinstance(last, tuple) else last
            return self.fc(last[-1])
        return self.fc(output.mean(1) if self.how == "mean" else output[:, -1])


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
def test_states_and_answers_of_our_networks(kind: str) -> None:
    module, many = ours(kind), images()
    page = row_reader(module, many, image=2)
    parts, x = dict(page.parts), floats(many)[2:3]
    assert parts["state"].shape == (14, 16)
    with torch.no_grad():
        for row in range(1, 15):
            cut = x[:, :, :row]
            assert np.allclose(parts["state"][row - 1], module[0](cut)[0].numpy(), atol=1e-5)
            expected = module(cut).softmax(1)[0].numpy()
            assert np.allclose(page.probabilities[row - 1], expected, atol=1e-5)
    names = {
        "rnn": {"state"},
        "lstm": {"state", "cell", "input", "forget", "output", "candidate"},
        "gru": {"state", "reset", "update", "new"},
    }
    assert set(parts) == names[kind]
    assert page.title == f"{kind}1 ({kind.upper()}): image 2, is c, row by row"


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_gates_are_those_of_the_formulas_in_numpy(kind: str) -> None:
    module, many = ours(kind), images(1)
    parts = dict(row_reader(module, many).parts)
    w, u, b, c = (value.detach().double().numpy() for value in module[0].parameters())
    rows = many.pixels[0, :, :, 0] / 255
    h, cell, n = np.zeros(16), np.zeros(16), 16
    for t, row in enumerate(rows):
        a, d = w @ row + b, u @ h + c
        if kind == "lstm":
            s = a + d
            i, f, g, o = sigmoid(s[:n]), sigmoid(s[n : 2 * n]), np.tanh(s[2 * n : 3 * n]), sigmoid(s[3 * n :])
            cell = f * cell + i * g
            h = o * np.tanh(cell)
            expected = {"input": i, "forget": f, "candidate": g, "output": o, "cell": cell, "state": h}
        else:
            r, z = sigmoid(a[:n] + d[:n]), sigmoid(a[n : 2 * n] + d[n : 2 * n])
            new = np.tanh(a[2 * n :] + r * d[2 * n :])
            h = (1 - z) * new + z * h
            expected = {"reset": r, "update": z, "new": new, "state": h}
        for name, values in expected.items():
            assert np.allclose(parts[name][t], values, atol=1e-5), name


@pytest.mark.parametrize("how", ["last", "state", "mean"])
@pytest.mark.parametrize(
    "make",
    [nn.LSTM, nn.GRU, nn.RNN, partial(nn.RNN, nonlinearity="relu"), partial(nn.LSTM, bias=False)],
    ids=["lstm", "gru", "rnn", "relu", "no bias"],
)
def test_states_and_answers_of_strangers(make: Any, how: str) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = Stranger(make(12, 16, batch_first=True), how)
    x = floats(images())
    page = row_reader(module, x, image=1)
    with torch.no_grad():
        states, _ = module.layer(x[1:2, 0])
        assert np.allclose(dict(page.parts)["state"], states[0].numpy(), atol=1e-5)
        for row in range(1, 15):
            expected = module(x[1:2, :, :row]).softmax(1)[0].numpy()
            assert np.allclose(page.probabilities[row - 1], expected, atol=1e-5)
    assert list(page.classes) == ["class 0", "class 1", "class 2"]


def test_first_states_that_are_given_count() -> None:
    for make in (nn.LSTM, nn.GRU):
        layer = make(12, 16, batch_first=True)
        first = torch.randn(1, 2, 16)
        given: Any = (first, first * 2) if make is nn.LSTM else first
        x = torch.randn(2, 5, 12)
        assert torch.allclose(read(layer, x, given)["state"], layer(x, given)[0], atol=1e-5)


def test_errors_say_what_was_expected() -> None:
    many = images()
    with pytest.raises(
        UsageError, match=r"expected a network with a recurrent layer .* found none .* conv1 \(Conv2d"
    ):
        row_reader(built(VGG, dtype=torch.float32), torch.rand(1, 3, 32, 32))
    with pytest.raises(UsageError, match="image: expected a number from 0 to 3, found 4"):
        row_reader(ours("gru"), many, image=4)
    with pytest.raises(UsageError, match=r"lstm: expected a recurrent layer of one layer .* found two directions"):
        row_reader(built(BiLSTM, dtype=torch.float32), torch.rand(1, 3, 32, 32))
    deep = Stranger(nn.GRU(12, 16, num_layers=2), "last")
    with pytest.raises(UsageError, match="found 2 layers and batch_first=False"):
        row_reader(deep, many)
    both = Stranger(nn.GRU(12, 16, batch_first=True), "last")
    both.other = nn.GRU(12, 16)
    with pytest.raises(UsageError, match="expected one recurrent layer, found 2: layer, other"):
        row_reader(both, many)

    class Flat(Stranger):
        def forward(self, x: Tensor) -> Tensor:
            return self.fc(self.layer(x[:, 0])[0].flatten(1))

    flat = Flat(nn.GRU(12, 16, batch_first=True), "last")
    flat.fc = nn.Linear(14 * 16, 3)
    with pytest.raises(UsageError, match="expected layers after the recurrent one that take 1 rows"):
        row_reader(flat, many)
    assert not flat.layer._forward_hooks and not flat.layer._forward_pre_hooks


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
def test_every_format_draws_and_the_network_stays(kind: str) -> None:
    module = ours(kind).train()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    state = torch.random.get_rng_state()
    page = row_reader(module, images())
    for format in ("png", "svg", "html", "json"):
        assert len(page.render(format)) > 1000
    assert all(part.training for part in module.modules())
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())


def test_rows_of_state_and_image_stand_beside_each_other() -> None:
    values = np.zeros((4, 3))
    values[1, 2], values[3, 0] = 1.0, -1.0
    picture = np.zeros((4, 4, 1), np.uint8)
    picture[1] = 255
    found = Pixels(values, "row", "unit", 1.0, beside=picture, cell=(10, 10), title="t")
    drawn = np.asarray(Image.open(io.BytesIO(found.png())).convert("RGB")).astype(int)
    # left 56, top 40 and twice the size: the image's white row is the row of the highest value
    for row in range(4):
        y = 2 * (40 + row * 10 + 5)
        assert (drawn[y, 2 * 60].min() > 250) == (row == 1)
    x = 2 * (56 + 40 + 10 + 2 * 10 + 5)
    assert drawn[2 * (40 + 15), x].tolist() == [0xB3, 0x47, 0x00]
    assert drawn[2 * (40 + 15) - 9, x].tolist() == [0xB3, 0x47, 0x00], "crisp up to the edge"
    assert drawn[2 * (40 + 15) - 11, x].tolist() == [0xF7, 0xF7, 0xF7]

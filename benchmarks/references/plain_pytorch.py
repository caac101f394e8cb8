"""The training loop of the tutorials: Dataset, a transform for each image, DataLoader, float32, `loss.item()` a step.

python plain_pytorch.py LAYERS.json IMAGES.npz BATCH
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from served import serve
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh}
RECURRENT = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


class ToTensor:
    def __call__(self, image: Image.Image) -> Tensor:
        array = np.array(image)
        pixels = array[..., None] if array.ndim == 2 else array
        return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))).float().div(255)


class Images(Dataset):
    def __init__(self, pixels: np.ndarray, labels: np.ndarray, transform: ToTensor) -> None:
        self.pixels, self.labels, self.transform = pixels, labels, transform

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        pixels = self.pixels[index]
        image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
        return self.transform(image), int(self.labels[index])


class Rows(nn.Module):
    def __init__(self, kind: str, features: int, units: int) -> None:
        super().__init__()
        self.layer = RECURRENT[kind](features, units, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.permute(0, 2, 3, 1).flatten(2))[0][:, -1]


def built(layers: list[dict], pixels: np.ndarray) -> nn.Sequential:
    x = torch.from_numpy(pixels[:2].transpose(0, 3, 1, 2).astype(np.float32))
    modules: list[nn.Module] = []
    for layer in layers:
        kind = layer["layer"]
        if kind == "conv":
            module: nn.Module = nn.Conv2d(
                x.shape[1], layer["filters"], layer["kernel_size"], layer["stride"], layer["padding"]
            )
        elif kind == "max_pool":
            module = nn.MaxPool2d(layer["kernel_size"], layer["stride"], layer["padding"])
        elif kind == "batch_norm":
            module = (nn.BatchNorm2d if x.ndim == 4 else nn.BatchNorm1d)(x.shape[1])
        elif kind == "dense":
            module = nn.Linear(x.shape[1], layer["units"])
        elif kind in RECURRENT:
            module = Rows(kind, x.shape[1] * x.shape[3], layer["units"])
        elif kind == "activation":
            module = ACTIVATIONS[layer["function"]]()
        else:
            module = {"flatten": nn.Flatten(), "dropout": nn.Dropout(layer.get("rate", 0.5))}[kind]
        x = module.eval()(x)  # for its shape alone: no statistics of two images
        modules.append(module)
    return nn.Sequential(*modules)


def begin(model: nn.Module, data: np.lib.npyio.NpzFile) -> None:
    """With the first weights that came with the images, where there are some."""
    names = sorted(name for name in data.files if name.startswith("parameter"))
    if not names:
        return
    for name, parameter in zip(names, model.parameters(), strict=True):
        parameter.data.copy_(torch.from_numpy(data[name]))


def main() -> None:
    layers, data, batch = json.loads(Path(sys.argv[1]).read_text()), np.load(sys.argv[2]), int(sys.argv[3])
    torch.manual_seed(0)
    model = built(layers, data["pixels"])
    begin(model, data)
    loader = DataLoader(Images(data["pixels"], data["labels"], ToTensor()), batch_size=batch, shuffle=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    criterion = nn.CrossEntropyLoss()

    def epoch() -> None:
        model.train()
        total = 0.0
        for images, labels in loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item()

    def test() -> float:
        model.eval()
        pixels = torch.from_numpy(data["test_pixels"].transpose(0, 3, 1, 2).astype(np.float32) / 255)
        with torch.no_grad():
            found = torch.cat([model(part) for part in pixels.split(500)]).argmax(1)
        return float((found.numpy() == data["test_labels"]).mean())

    serve(epoch, test, version=torch.__version__, threads=torch.get_num_threads())


if __name__ == "__main__":
    main()

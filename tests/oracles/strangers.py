"""Networks that nobody here wrote, built from their papers in small: every mechanism that looking has to meet."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


class AlexNet(nn.Module):
    """Overlapping pools and local response normalisation, in-place ReLUs (Krizhevsky et al. 2012)."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 5, stride=2, padding=2),
            nn.ReLU(inplace=True),
            nn.LocalResponseNorm(3),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(8, 12, 3, padding=1, groups=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
        )
        self.classifier = nn.Sequential(nn.Dropout(), nn.Linear(108, 16), nn.ReLU(inplace=True), nn.Linear(16, 5))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(torch.flatten(self.features(x), 1))


class VGG(nn.Module):
    """Two convolutions before each pool, batch norm, functional ReLU (Simonyan and Zisserman 2015)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.bn1, self.bn2 = nn.BatchNorm2d(6), nn.BatchNorm2d(6)
        self.fc = nn.Linear(6 * 64, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.max_pool2d(F.relu(self.bn2(self.conv2(x)), inplace=True), 4)
        return self.fc(x.flatten(1))


class BasicBlock(nn.Module):
    """One in-place ReLU used twice, and a shortcut (He et al. 2016)."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False), nn.BatchNorm2d(outside)
        self.conv2, self.bn2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False), nn.BatchNorm2d(outside)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = nn.Conv2d(inside, outside, 1, stride, bias=False) if stride > 1 else None

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


class ResNet(nn.Module):
    """Residual blocks and global average pooling (He et al. 2016)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.relu = nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(inplace=True)
        self.layer1, self.layer2 = BasicBlock(6, 6, 1), BasicBlock(6, 8, 2)
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.avgpool(self.layer2(self.layer1(self.relu(self.conv1(x))))).flatten(1))


class Inception(nn.Module):
    """Branches of other windows that share one ReLU and are put side by side (Szegedy et al. 2015)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.one, self.three, self.five = (
            nn.Conv2d(6, 4, 1),
            nn.Conv2d(6, 4, 3, padding=1),
            nn.Conv2d(6, 4, 5, padding=2),
        )
        self.pool, self.relu, self.fc = nn.MaxPool2d(3, 1, 1), nn.ReLU(), nn.Linear(18 * 64, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.stem(x))
        x = torch.cat([self.relu(self.one(x)), self.relu(self.three(x)), self.relu(self.five(x)), self.pool(x)], 1)
        return self.fc(F.avg_pool2d(x, 4).flatten(1))


class DenseNet(nn.Module):
    """Every layer sees all before it (Huang et al. 2017)."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(3 + 4 * k, 4, 3, padding=1) for k in range(3))
        self.norms = nn.ModuleList(nn.BatchNorm2d(3 + 4 * k) for k in range(3))
        self.fc = nn.Linear(15, 5)

    def forward(self, x: Tensor) -> Tensor:
        for norm, conv in zip(self.norms, self.convs, strict=True):
            x = torch.cat([x, conv(torch.relu(norm(x)))], dim=1)
        return self.fc(x.mean((2, 3)))


class MobileNet(nn.Module):
    """Depthwise convolutions, ReLU6, linear bottlenecks (Sandler et al. 2018)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU6(inplace=True))
        self.block = nn.Sequential(
            nn.Conv2d(6, 12, 1), nn.BatchNorm2d(12), nn.ReLU6(inplace=True),
            nn.Conv2d(12, 12, 3, 1, 1, groups=12), nn.BatchNorm2d(12), nn.ReLU6(inplace=True),
            nn.Conv2d(12, 6, 1),
        )  # fmt: skip
        self.fc = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        return self.fc((x + self.block(x)).mean((2, 3)))


class ConvNeXt(nn.Module):
    """A large depthwise window, layer norm with channels last, GELU (Liu et al. 2022)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 4, 4)
        self.depthwise, self.norm = nn.Conv2d(8, 8, 7, padding=3, groups=8), nn.LayerNorm(8)
        self.up, self.act, self.down, self.fc = nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        y = self.down(self.act(self.up(self.norm(self.depthwise(x).permute(0, 2, 3, 1)))))
        return self.fc((x + y.permute(0, 3, 1, 2)).mean((2, 3)))


class ViT(nn.Module):
    """Patches as tokens, attention over all of them (Dosovitskiy et al. 2021)."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, 8, 8, 8)
        self.norm1, self.norm2 = nn.LayerNorm(8), nn.LayerNorm(8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.mlp, self.fc = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8)), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x).flatten(2).transpose(1, 2)
        normed = self.norm1(x)
        x = x + self.attention(normed, normed, normed, need_weights=False)[0]
        return self.fc((x + self.mlp(self.norm2(x))).mean(1))


class BiLSTM(nn.Module):
    """Rows read from both ends (Graves and Schmidhuber 2005)."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.fc = nn.LSTM(96, 8, batch_first=True, bidirectional=True), nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.lstm(x.permute(0, 2, 3, 1).flatten(2))[0][:, -1])


RELU_ONLY: tuple[Callable[[], nn.Module], ...] = (AlexNet, VGG, ResNet, Inception, DenseNet)
OTHERS: tuple[Callable[[], nn.Module], ...] = (MobileNet, ConvNeXt, ViT, BiLSTM)


def built(make: Callable[[], nn.Module], *, dtype: torch.dtype = torch.float64, seed: int = 0) -> nn.Module:
    """A network in evaluation mode whose batch norms have statistics of their own."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = make()
        for part in module.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.running_mean.normal_(0, 0.2)  # type: ignore[union-attr]
                part.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
                nn.init.normal_(part.weight, 1, 0.3)
                nn.init.normal_(part.bias, 0, 0.3)
    return module.to(dtype).eval()


def pictures(count: int = 4, *, dtype: torch.dtype = torch.float64) -> Tensor:
    """N x 3 x 32 x 32 in 0..1."""
    return torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(1), dtype=dtype)
